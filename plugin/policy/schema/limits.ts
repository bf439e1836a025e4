import { z } from 'zod';
import { type Amount, Bandwidth } from '../units.ts';
import { across, type Right } from './across.ts';
import { Text } from './words.ts';

/** What workload traffic is promised on a link while a migration runs (Algorithm 2): at least lower, at most upper. */
export interface Limits {
  lower: Amount;
  upper: Amount;
}

function checkLimits({ lower, upper }: Right<Limits>, context: z.RefinementCtx): void {
  if (lower && plainAmount(lower) === 0) {
    context.addIssue({ code: 'custom', path: ['lower'], message: 'lower is 0: workload must be promised something' });
  }
  if (lower?.kind === 'share' && lower.fraction === 1) {
    const message = 'lower is the whole link, which leaves a migration nothing: write less, like 20 %';
    context.addIssue({ code: 'custom', path: ['lower'], message });
  }
  if (!lower || !upper) return;
  if (lower.kind !== upper.kind) {
    context.addIssue({
      code: 'custom',
      path: ['upper'],
      message: 'lower and upper have mixed units, so they cannot be compared: write both as a rate or both as %',
    });
  } else if (plainAmount(lower) > plainAmount(upper)) {
    context.addIssue({ code: 'custom', path: ['lower'], message: 'lower is above upper: swap or correct them' });
  }
}

function plainAmount(amount: Amount): number {
  return amount.kind === 'rate' ? amount.bitsPerSecond : amount.fraction;
}

const LimitsOfLink = z.strictObject({ lower: Bandwidth, upper: Bandwidth }).superRefine(...across<Limits>(checkLimits));

interface LimitsOfHost extends Right<Limits> {
  nics?: Record<string, Limits> | undefined;
}

const LimitsOfHost = z
  .strictObject({
    lower: Bandwidth.optional(),
    upper: Bandwidth.optional(),
    /** By name of the NIC, for this host only. */
    nics: z.record(Text, LimitsOfLink).optional(),
  })
  .superRefine(
    ...across<LimitsOfHost>((right, context) => {
      checkLimits(right, context);
      const { lower, upper, nics } = context.value;
      // A key that is mistyped is told by itself.
      if (context.issues.some(({ code }) => code === 'unrecognized_keys')) return;
      if ((lower === undefined) === (upper === undefined) && (lower !== undefined || nics !== undefined)) return;
      context.addIssue({ code: 'custom', message: 'name both, lower and upper, or nics, or delete the host' });
    }),
  );

/** `default`, for `nics` of a name on all hosts, for `hosts`, and for a NIC of a host; the last that is there counts. */
export const LimitsRule = z.strictObject({
  default: LimitsOfLink,
  nics: z.record(Text, LimitsOfLink).optional(),
  hosts: z.record(Text, LimitsOfHost).default({}),
});
export type LimitsRule = z.infer<typeof LimitsRule>;

/** The limits on a host's NIC and the path of where they come from: that NIC of the host, the host, the NIC, default. */
export function limitsFor(rule: LimitsRule, host: string, nic: string): Limits & { path: string } {
  const own = ownValue(rule.hosts, host);
  const ownNic = ownValue(own?.nics, nic);
  if (ownNic) return { ...ownNic, path: `limits.hosts.${host}.nics.${nic}` };
  if (own?.lower && own.upper) return { lower: own.lower, upper: own.upper, path: `limits.hosts.${host}` };
  const anyNic = ownValue(rule.nics, nic);
  if (anyNic) return { ...anyNic, path: `limits.nics.${nic}` };
  return { ...rule.default, path: 'limits.default' };
}

/** Names come from hosts: one called `constructor` is no key of the map. */
function ownValue<T>(map: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return map && Object.hasOwn(map, key) ? map[key] : undefined;
}
