import { type Finding, fail, ok, warn } from '../finding.ts';

export const PROGRAMS = ['tc', 'ip', 'nft', 'virsh'] as const;
export type Program = (typeof PROGRAMS)[number];

export interface ProgramFacts {
  /** What it says of its version, or why it could not be run. */
  versions: Record<Program, { version: string } | { error: string }>;
  /** Why `tc -batch` with `tc -j` did not give what is needed; null: it did. */
  tcTooOld: string | null;
}

const PACKAGES: Record<Program, string> = {
  tc: 'iproute2',
  ip: 'iproute2',
  nft: 'nftables',
  virsh: 'libvirt-clients',
};

export function judgePrograms({ versions, tcTooOld }: ProgramFacts): Finding[] {
  return PROGRAMS.map((program) => {
    const check = `programs.${program}`;
    const state = versions[program];
    if ('version' in state) {
      if (program !== 'tc' || tcTooOld === null) return ok(check, state.version);
      return fail(check, `${state.version}: ${tcTooOld}`, 'Install iproute2 5.0 or later.');
    }
    const todo = `Install ${PACKAGES[program]}, in the PATH of the service.`;
    // iptables may count instead: counting.method tells.
    return program === 'nft' ? warn(check, state.error, todo) : fail(check, state.error, todo);
  });
}
