import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../../lab/lab.ts';
import { guestImage } from '../../lab/resources.ts';
import { SERVICE_URLS } from '../../lab/rest.ts';
import { tempestConf } from './config.ts';
import { type Result, readResults } from './results.ts';

const TESTS_ROOT = '/usr/lib/python3/dist-packages';
/** Images of its own, so that the lab's keep what they are. */
const FILL_MEBIBYTES = 8;
const OTHER_FILL_MEBIBYTES = 9;
/** The guest does not hear ACPI: Nova would wait for it for a minute at each stop. */
const SHUTDOWN_SECONDS = 3;

/** A folder in which tempest runs against the lab's public endpoints. */
export class Tempest {
  readonly #lab: Lab;
  readonly #folder: string;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#folder = join(lab.paths.state, 'tempest');
  }

  /** @param tests regular expressions of tests' names */
  async prepare(tests: readonly string[]): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder, { recursive: true });
    const { hosts } = this.#lab;
    await shareNetwork(this.#lab);
    const conf = tempestConf({
      imageRef: await ownImage(this.#lab, FILL_MEBIBYTES),
      otherImageRef: await ownImage(this.#lab, OTHER_FILL_MEBIBYTES),
      flavorRef: await ownFlavor(this.#lab, 'tempest-128', 128),
      otherFlavorRef: await ownFlavor(this.#lab, 'tempest-160', 160),
      hosts: hosts.length,
      folder: this.#folder,
    });
    writeFileSync(join(this.#folder, 'tempest.conf'), conf);
    this.choose(tests);
    writeFileSync(
      join(this.#folder, '.stestr.conf'),
      `[DEFAULT]\ntest_path=${TESTS_ROOT}/tempest/test_discover\ntop_dir=${TESTS_ROOT}\ngroup_regex=([^\\.]*\\.)*\n`,
    );
  }

  /** @param tests regular expressions of tests' names */
  choose(tests: readonly string[]): void {
    writeFileSync(join(this.#folder, 'tests'), `${tests.join('\n')}\n`);
  }

  /** Runs the tests once. @throws if tempest ran none */
  async run(timeLimitMs: number, atOnce: number): Promise<Map<string, Result>> {
    const config = join(this.#folder, 'tempest.conf');
    const run = ['tempest', 'run', '--config-file', config, '--include-list', 'tests', '--concurrency', String(atOnce)];
    // Its own time limit, so that what was run until then is counted.
    const limited = ['timeout', '--signal=INT', '--kill-after=20', String(Math.round(timeLimitMs / 1000)), ...run];
    const script = `cd "$0" && rm -rf .stestr && stestr init && "$@" > tempest.out 2>&1; stestr last --subunit 2>/dev/null | subunit2csv --no-passthrough 2>/dev/null`;
    const { stdout } = await this.#lab.runOn('control', ['sh', '-c', script, this.#folder, ...limited], {
      timeoutMs: timeLimitMs + 60_000,
    });
    const results = readResults(stdout);
    if (results.size === 0) throw new Error(`tempest ran no test; read ${join(this.#folder, 'tempest.out')}`);
    return results;
  }
}

/** With a disk: Nova lets nobody but administrators boot an image on a flavor without one. */
async function ownFlavor({ rest }: Lab, id: string, memoryMebibytes: number): Promise<string> {
  const flavor = { id, name: id, ram: memoryMebibytes, vcpus: 1, disk: 1 };
  const answer = await rest.call('POST', `${SERVICE_URLS.compute}/flavors`, { body: { flavor } });
  if (answer.status !== 200 && answer.status !== 409) throw new Error(`no flavor: ${answer.status} ${answer.body}`);
  return id;
}

async function ownImage({ rest }: Lab, fillMebibytes: number): Promise<string> {
  const id = await guestImage(rest, fillMebibytes);
  const property = { op: 'add', path: '/os_shutdown_timeout', value: String(SHUTDOWN_SECONDS) };
  const headers = { 'Content-Type': 'application/openstack-images-v2.1-json-patch' };
  await rest.must('PATCH', `${SERVICE_URLS.image}/v2/images/${id}`, { body: [property], headers });
  return id;
}

/** Tempest's projects put their guests on the lab's only network. */
async function shareNetwork({ rest }: Lab): Promise<void> {
  const url = `${SERVICE_URLS.network}/v2.0/networks`;
  const [network] = (await rest.must('GET', `${url}?name=provider`)).json.networks;
  if (!network.shared) await rest.must('PUT', `${url}/${network.id}`, { body: { network: { shared: true } } });
}
