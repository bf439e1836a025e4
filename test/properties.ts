import fc from 'fast-check';

const SEED = 20261124;

/**
 * Properties draw the same in each run, so that what fails fails again, and what a change breaks is the change's. Others are
 * drawn with DROVER_SEED=N, or at random with DROVER_SEED=random; `bench:plan --worlds` draws by the thousand.
 */
const { DROVER_SEED: wish = String(SEED) } = process.env;
if (wish !== 'random') {
  const seed = Number(wish);
  if (!Number.isSafeInteger(seed)) throw new Error(`DROVER_SEED must be a whole number or "random", not "${wish}"`);
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
}
