/** The double of cloud.ts as a process of its own, started by process.ts; it ends with its parent. */
import { Cloud, type CloudOptions } from './cloud.ts';
import type { CloudAnswer, CloudOrder } from './process.ts';

const cloud = new Cloud(JSON.parse(process.argv[2] ?? '') as CloudOptions);
const addresses = await cloud.start();
const tell = (answer: CloudAnswer) => process.send?.(answer);

process.on('message', (order: CloudOrder) => {
  if (order.kind === 'signal-at') {
    const { moment: wanted, pid, signal } = order;
    let left = order.nth;
    cloud.onMoment = (moment) => {
      if (moment !== wanted) return;
      left -= 1;
      if (left > 0) return;
      cloud.onMoment = () => {};
      send(pid, signal);
    };
  } else if (order.kind === 'disarm') cloud.onMoment = () => {};
  else if (order.kind === 'calm') cloud.calm();
  else tell({ kind: 'report', ledger: cloud.ledger, leases: cloud.leases() });
});
process.on('disconnect', () => process.exit(0));
tell({ kind: 'ready', addresses });

function send(pid: number, signal: 'SIGKILL' | 'SIGSTOP'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It was killed by somebody else at the same moment.
  }
}
