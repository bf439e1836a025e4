import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Everything that a stage runs beside itself; ended with it. */
export class Programs {
  readonly #children = new Set<ChildProcess>();

  start(namespace: string, argv: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', namespace, ...argv], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Its whole output, once it has ended well. */
  async output(namespace: string, argv: readonly string[]): Promise<string> {
    const child = this.start(namespace, argv);
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${text.slice(-500)}`);
    return text;
  }

  async stop(): Promise<void> {
    const ends = [...this.#children].map((child) => endNow(child));
    await Promise.all(ends);
  }
}

export async function endNow(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
