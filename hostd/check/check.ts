import { migrationAddress } from '../capability.ts';
import { type Config, readConfig } from '../config.ts';
import { describeError } from '../errors.ts';
import type { Link } from '../measure/count/linkcodec.ts';
import { Links } from '../measure/count/links.ts';
import { clockState } from '../native.ts';
import { ownTraffic } from '../reservation.ts';
import { type CheckReport, type Finding, fail, ok } from './finding.ts';
import { judgeCertificates } from './judge/certificates.ts';
import { judgeClock } from './judge/clock.ts';
import { judgeClients } from './judge/configuration.ts';
import { judgeCounting } from './judge/counting.ts';
import { judgeLibvirt } from './judge/libvirt.ts';
import { judgeNetwork } from './judge/network.ts';
import { judgeNic } from './judge/nic.ts';
import { judgeNova } from './judge/nova.ts';
import { judgePrograms } from './judge/programs.ts';
import { judgeRights } from './judge/rights.ts';
import { judgeFeatures, judgeQueueing } from './judge/shaping.ts';
import { probeCertificates } from './probe/certificates.ts';
import { probeCounting } from './probe/counting.ts';
import { probeFeatures } from './probe/features.ts';
import { probeLibvirt } from './probe/libvirt.ts';
import { probeNetwork } from './probe/network.ts';
import { probeNic } from './probe/nic.ts';
import { probeNova } from './probe/nova.ts';
import { probePrograms } from './probe/programs.ts';
import { probeQueueing } from './probe/queueing.ts';
import { findRunning, probeRights } from './probe/rights.ts';

/**
 * Looks at all that hostd needs on this host, and changes none of it: what must be tried is tried on a device of the
 * check's own. Runs beside a running hostd. A probe that fails in a way nobody thought of is a finding too.
 */
export async function check(configFile: string): Promise<CheckReport> {
  let config: Config;
  try {
    config = readConfig(configFile);
  } catch (error) {
    const unread = fail(
      'config.file',
      describeError(error),
      `Mend ${configFile}, or name another with --config. The rest waits for it.`,
    );
    return [unread, ...(await checkPrograms()), judgeClock(clockState())];
  }
  const { links, error: netlinkError } = listLinks();
  const { host, nic, stateDir, tls, listen, novaConf, libvirtUri } = config;
  const nova = probeNova(novaConf, host);
  const listensAt = listen.address;
  const groups = [
    guarded('config', async () => [
      ok('config.file', `${configFile}: host ${host}, nic ${nic}`),
      judgeClients(config.clients),
    ]),
    guarded('rights', async () => judgeRights(await probeRights(stateDir, netlinkError))),
    guarded('programs', checkPrograms),
    guarded('nic', async () => judgeNic(await probeNic(config, links))),
    guarded('kernel', () => checkShaping(nic)),
    guarded('counting', async () => {
      const address = migrationAddress(config.migration.address, (await nova).options);
      return judgeCounting(
        await probeCounting(config, ownTraffic(config, { migrationAddress: address ?? listensAt }), links),
      );
    }),
    guarded('tls', async () => judgeCertificates(probeCertificates(tls, listensAt), tls, Date.now(), listensAt)),
    guarded('listen', async () => {
      const running = await findRunning(stateDir);
      return judgeNetwork(await probeNetwork(config, (await nova).options, links, running));
    }),
    guarded('libvirt', async () => judgeLibvirt(await probeLibvirt(libvirtUri))),
    guarded('nova', async () => judgeNova(await nova)),
    guarded('clock', async () => [judgeClock(clockState())]),
  ];
  return (await Promise.all(groups)).flat();
}

async function checkPrograms(): Promise<Finding[]> {
  return judgePrograms(await probePrograms());
}

/** One after the other: both use the same device. */
async function checkShaping(nic: string): Promise<Finding[]> {
  const features = judgeFeatures(await probeFeatures());
  const queueing = await guarded('nic.root', async () => judgeQueueing(await probeQueueing(nic)));
  return [...features, ...queueing];
}

function listLinks(): { links: Link[]; error: string | null } {
  const links = new Links();
  try {
    return { links: links.list(), error: null };
  } catch (error) {
    return { links: [], error: describeError(error) };
  } finally {
    links.close();
  }
}

async function guarded(check: string, findings: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await findings();
  } catch (error) {
    return [
      fail(check, `could not be looked at: ${describeError(error)}`, 'Mend what stands above, then check again.'),
    ];
  }
}
