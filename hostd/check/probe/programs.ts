import { type RunCommand, runCommand } from '../../command.ts';
import { describeError } from '../../errors.ts';
import { PROGRAMS, type Program, type ProgramFacts } from '../judge/programs.ts';

const VERSION_FLAGS: Record<Program, string> = { tc: '-V', ip: '-V', nft: '-v', virsh: '-v' };

export async function probePrograms(run: RunCommand = runCommand): Promise<ProgramFacts> {
  const entries = PROGRAMS.map(async (program) => [program, await readVersion(program, run)] as const);
  const versions = Object.fromEntries(await Promise.all(entries)) as ProgramFacts['versions'];
  return { versions, tcTooOld: 'version' in versions.tc ? await tryTc(run) : null };
}

async function readVersion(program: Program, run: RunCommand): Promise<{ version: string } | { error: string }> {
  try {
    return { version: (await run(program, [VERSION_FLAGS[program]])).trim().split('\n')[0] ?? '' };
  } catch (error) {
    return { error: describeError(error) };
  }
}

/** Asks of tc what hostd asks of it, about lo: exact sizes as JSON, and many questions in one batch. */
async function tryTc(run: RunCommand): Promise<string | null> {
  try {
    const json: unknown = JSON.parse(await run('tc', ['-r', '-j', 'qdisc', 'show', 'dev', 'lo']));
    if (!Array.isArray(json)) return 'it prints no JSON';
    await run('tc', ['-batch', '-'], { input: 'qdisc show dev lo\nclass show dev lo\n' });
    return null;
  } catch (error) {
    return describeError(error);
  }
}
