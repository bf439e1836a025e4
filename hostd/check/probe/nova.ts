import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { probePostCopy, readNovaConf } from '../../capability.ts';
import { describeError } from '../../errors.ts';
import type { NovaFacts } from '../judge/nova.ts';

export async function probeNova(file: string, host: string): Promise<NovaFacts> {
  const options = await readNovaConf(file);
  const error = await readFile(file).then(() => null, describeError);
  return { file, host, hostname: hostname(), options, error, postCopy: await probePostCopy(file, options) };
}
