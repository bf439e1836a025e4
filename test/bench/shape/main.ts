/**
 * Proves the shaping figures on two hosts with the real hostd each, real QEMU migrations and TCP at line rate:
 * `npm run bench:shape [-- PART…]`; needs root and QEMU. Ends with an error if a figure does not hold.
 */

import { control } from './control.ts';
import { latency } from './latency.ts';
import { low } from './low.ts';
import { parallel } from './parallel.ts';
import { priorities } from './priorities.ts';
import { failedVerdicts } from './report.ts';
import { Stage } from './stage.ts';
import { strict } from './strict.ts';
import { untouched } from './untouched.ts';

const PARTS: Record<string, (stage: Stage) => Promise<void>> = {
  latency,
  priorities,
  low,
  strict,
  parallel,
  untouched,
  control,
};

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !(name in PARTS));
  if (unknown.length > 0) throw new Error(`no part ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`);
  for (const [name, part] of Object.entries(PARTS)) {
    if (names.length > 0 && !names.includes(name)) continue;
    const stage = new Stage();
    try {
      await stage.start();
      await part(stage);
    } finally {
      await stage.stop();
    }
  }
  const failed = failedVerdicts();
  if (failed.length > 0) throw new Error(`${failed.length} figures do not hold`);
}

await main(process.argv.slice(2));
