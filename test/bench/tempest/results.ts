/** What one test came to: tempest's own words. `missing`: it did not come to its turn. */
export type Result = 'success' | 'fail' | 'skip' | 'missing';

/** Reads `subunit2csv`: `test,status,start_time,stop_time`, where a test's name may hold commas in quotes. */
export function readResults(csv: string): Map<string, Result> {
  const results = new Map<string, Result>();
  for (const line of csv.trim().split('\n').slice(1)) {
    const [, quoted, plain, status] = /^(?:"([^"]*)"|([^,]*)),(\w+),/.exec(line) ?? [];
    const test = nameOf(quoted ?? plain ?? '');
    if (test !== '') results.set(test, status === 'success' || status === 'skip' ? status : 'fail');
  }
  return results;
}

/** Without the test's id and tags, and `setUpClass (x.y.Z)` as `x.y.Z.setUpClass`. */
function nameOf(test: string): string {
  const [, fixture, owner] = /^(\w+) \(([\w.]+)\)$/.exec(test) ?? [];
  return owner === undefined ? test.replace(/\[.*$/, '') : `${owner}.${fixture}`;
}

export interface Comparison {
  test: string;
  direct: Result;
  through: Result;
}

/** Every test of either side, by name. */
export function compareResults(direct: Map<string, Result>, through: Map<string, Result>): Comparison[] {
  const tests = [...new Set([...direct.keys(), ...through.keys()])].sort();
  return tests.map((test) => ({
    test,
    direct: direct.get(test) ?? 'missing',
    through: through.get(test) ?? 'missing',
  }));
}
