/**
 * What hostd reads from nova.conf. oslo.config is an ini dialect: a section may occur several times, the last value of
 * an option wins, a line that starts with white space continues the one before, `#` and `;` start a comment line.
 */
export interface NovaOptions {
  /** `[DEFAULT] host`; Nova takes the hostname where it is missing. */
  host: string | null;
  myIp: string | null;
  /** `[libvirt] live_migration_inbound_addr`. */
  inboundAddress: string | null;
  permitPostCopy: boolean;
  /** 0 means no limit; Nova's default is 1. */
  maxConcurrentLiveMigrations: number;
  /** `[libvirt] live_migration_bandwidth`, MiB/s; 0 means no limit of Nova's. */
  liveMigrationBandwidthMebibytes: number;
  /** `[libvirt] live_migration_completion_timeout`: seconds for each GiB of the guest; 0 means never. */
  completionTimeoutS: number;
  /** `[libvirt] live_migration_timeout_action`: what Nova does then. */
  timeoutAction: 'abort' | 'force_complete';
  /** `[libvirt] live_migration_tunnelled`. */
  tunnelled: boolean;
}

/** Nova's own defaults (nova/conf/compute.py, nova/conf/libvirt.py). */
export const NOVA_DEFAULTS: NovaOptions = {
  host: null,
  myIp: null,
  inboundAddress: null,
  permitPostCopy: false,
  maxConcurrentLiveMigrations: 1,
  liveMigrationBandwidthMebibytes: 0,
  completionTimeoutS: 800,
  timeoutAction: 'abort',
  tunnelled: false,
};

/** Reads the text of one nova.conf over the values of those read before it (`nova.conf.d`). */
export function parseNovaConf(text: string, before: NovaOptions = NOVA_DEFAULTS): NovaOptions {
  const values = parseIni(text);
  const libvirt = (option: string) => values.get(`libvirt/live_migration_${option}`);
  const permit = libvirt('permit_post_copy');
  const action = libvirt('timeout_action');
  const tunnelled = libvirt('tunnelled');
  return {
    host: values.get('DEFAULT/host') || before.host,
    myIp: values.get('DEFAULT/my_ip') || before.myIp,
    inboundAddress: libvirt('inbound_addr') || before.inboundAddress,
    permitPostCopy: permit === undefined ? before.permitPostCopy : isTrue(permit),
    maxConcurrentLiveMigrations:
      wholeNumber(values.get('DEFAULT/max_concurrent_live_migrations')) ?? before.maxConcurrentLiveMigrations,
    liveMigrationBandwidthMebibytes: wholeNumber(libvirt('bandwidth')) ?? before.liveMigrationBandwidthMebibytes,
    completionTimeoutS: wholeNumber(libvirt('completion_timeout')) ?? before.completionTimeoutS,
    timeoutAction: action === 'abort' || action === 'force_complete' ? action : before.timeoutAction,
    tunnelled: tunnelled === undefined ? before.tunnelled : isTrue(tunnelled),
  };
}

/** Null for anything else: Nova would not start with it. */
function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

/** `section/option` to its last value. */
function parseIni(text: string): Map<string, string> {
  const values = new Map<string, string>();
  let section = 'DEFAULT';
  let key: string | null = null;
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '' || /^\s*[#;]/.test(line)) continue;
    if (/^\s/.test(line) && key !== null) {
      values.set(key, `${values.get(key) ?? ''}${line.trim()}`);
      continue;
    }
    const header = /^\[([^\]]+)\]/.exec(line.trim());
    if (header) {
      section = header[1]?.trim() ?? section;
      key = null;
      continue;
    }
    const split = line.search(/[=:]/);
    if (split < 0) continue;
    key = `${section}/${line.slice(0, split).trim()}`;
    values.set(
      key,
      line
        .slice(split + 1)
        .trim()
        .replace(/^(["'])(.*)\1$/, '$2'),
    );
  }
  return values;
}

/** oslo.config's words for true. */
function isTrue(value: string): boolean {
  return ['true', '1', 'on', 'yes'].includes(value.toLowerCase());
}
