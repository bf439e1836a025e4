import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rig } from './rig.ts';

const rig = new Rig();
const RULES = {
  nftables: [['nft', 'list', 'tables']],
  iptables: [
    ['iptables-save', '-t', 'mangle'],
    ['ip6tables-save', '-t', 'mangle'],
  ],
} as const;

beforeAll(() => rig.start());
afterAll(() => rig.stop());

async function rules(method: keyof typeof RULES): Promise<string> {
  const texts = RULES[method].map(([file, ...args]) => rig.exec(rig.host, file, ...args));
  return (await Promise.all(texts)).join('');
}

describe('`clean --all` after a hostd that counted with', () => {
  it.each(['nftables', 'iptables'] as const)('%s takes its rules away', async (counting) => {
    await rig.startDaemon({ counting });
    await expect.poll(() => rules(counting)).toContain('drover');
    await rig.killDaemon('SIGTERM');
    // The counters go on without a hostd, so that the next one goes on with them.
    expect(await rules(counting)).toContain('drover');
    const config = await rig.configure({ counting });
    const [file = '', ...args] = rig.service(['clean', '--all', '--config', config]);
    await rig.exec(rig.host, file, ...args);
    expect(await rules(counting)).not.toContain('drover');
  });
});
