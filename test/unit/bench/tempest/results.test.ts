import { expect, it } from 'vitest';
import { compareResults, readResults } from '../../../bench/tempest/results.ts';

const CSV = `test,status,start_time,stop_time
tempest.api.A.test_one[id-1,smoke],success,1,2
"tempest.api.A.test_two[id-2,smoke]",fail,1,2
setUpClass (tempest.api.B),skip,1,2
tempest.api.A.test_three[id-3],uxsuccess,1,2
`;

it('names tests without their tags, and what a class says of all of them by the class', () => {
  expect([...readResults(CSV.replace('id-1,smoke', 'id-1'))]).toEqual([
    ['tempest.api.A.test_one', 'success'],
    ['tempest.api.A.test_two', 'fail'],
    ['tempest.api.B.setUpClass', 'skip'],
    ['tempest.api.A.test_three', 'fail'],
  ]);
});

it('sets both sides beside each other, also where one has not come to a test', () => {
  expect(
    compareResults(
      new Map([
        ['a', 'success'],
        ['b', 'fail'],
      ]),
      new Map([['b', 'success']]),
    ),
  ).toEqual([
    { test: 'a', direct: 'success', through: 'missing' },
    { test: 'b', direct: 'fail', through: 'success' },
  ]);
});
