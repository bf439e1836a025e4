import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Seconds that the long files take alone on a quiet machine, all others a few: what is begun first must be what takes
 * longest, or a worker stands idle while another one is at the last file. A fresh clone knows no times of earlier runs.
 */
const SECONDS: Readonly<Record<string, number>> = {
  'functional/bot/commands.test.ts': 60,
  'functional/placement/destination.test.ts': 50,
  'functional/failopen.test.ts': 45,
  'functional/controller/run.test.ts': 45,
  'functional/kills.test.ts': 45,
  'functional/cli/policy.test.ts': 40,
  'functional/controller/failing.test.ts': 35,
  'functional/placement/plan.test.ts': 25,
  'functional/bot/kills.test.ts': 25,
  'functional/controller/waiting.test.ts': 25,
  'host/guests.test.ts': 105,
  'host/libvirt.test.ts': 90,
  'host/replicas.test.ts': 65,
  'host/gaps.test.ts': 60,
  'host/crash.test.ts': 50,
  'host/kills.test.ts': 50,
  'host/tags.test.ts': 40,
  'host/systemd.test.ts': 40,
  'host/cost.test.ts': 30,
  'host/names.test.ts': 30,
  'host/faults.test.ts': 30,
  'host/check.test.ts': 30,
  'host/share.test.ts': 30,
  'host/ipv6.test.ts': 30,
};

/** As Vitest orders projects, and within each of them the long files first. */
export class LongestFirst extends BaseSequencer {
  override async sort(specifications: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(specifications);
    const seconds = ({ moduleId }: TestSpecification) => SECONDS[relative(import.meta.dirname, moduleId)] ?? 0;
    const projects = [...new Set(sorted.map(({ project }) => project))];
    return projects.flatMap((project) =>
      sorted.filter((each) => each.project === project).sort((one, other) => seconds(other) - seconds(one)),
    );
  }
}
