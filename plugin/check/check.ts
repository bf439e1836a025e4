import { type CheckReport, type Finding, fail, ok } from 'drover-hostd/check/finding';
import { type Config, readConfig } from '../config.ts';
import { describeError } from '../errors.ts';
import { judgeCertificates } from './judge/certificates.ts';
import { judgeClock } from './judge/clock.ts';
import { judgeCloud } from './judge/cloud.ts';
import { judgeHosts } from './judge/hosts.ts';
import { judgeDatabase, judgePassword, judgePlace, judgePolicy } from './judge/local.ts';
import { judgeNotifications } from './judge/notifications.ts';
import { judgePlacement } from './judge/placement.ts';
import { judgeOther, judgeServed } from './judge/served.ts';
import { probeCertificates } from './probe/certificates.ts';
import { probeClock, probeCloud } from './probe/cloud.ts';
import { probeAnyDatabase } from './probe/database.ts';
import { probeHosts } from './probe/hosts.ts';
import { probePassword, probePlace, probePolicy } from './probe/local.ts';
import { probeNotifications } from './probe/notifications.ts';
import { probeOther, probeServed } from './probe/served.ts';

/**
 * Looks at all that the plugin needs, and changes none of it. Runs beside a running plugin, and as the user that the
 * plugin runs as, or what it says of files is not of the plugin.
 */
export async function check(configFile: string): Promise<CheckReport> {
  let config: Config;
  try {
    config = readConfig(configFile);
  } catch (error) {
    const todo = `Mend ${configFile}, or name another with --config. The rest waits for it.`;
    return [fail('config.file', describeError(error), todo)];
  }
  const { keystone, hostd } = config;
  const { facts: passwordFacts, password } = probePassword(keystone.passwordFile);
  const cloud = probeCloud(config, password);
  const groups = [
    guarded('config', async () => [ok('config.file', configFile), judgePassword(passwordFacts)]),
    guarded('policy', async () => judgePolicy(await probePolicy(config.policy))),
    guarded('database', async () => [judgeDatabase(await probeAnyDatabase(config))]),
    guarded('listen', async () => judgePlace(await probePlace(config))),
    guarded('listen.tls', async () => judgeServed(probeServed(config), config.replica?.advertise ?? null, Date.now())),
    guarded('nova.others', async () => {
      const { others, ca } = config.nova;
      return (await Promise.all(others.map((url) => probeOther(url, ca)))).map(judgeOther);
    }),
    guarded('keystone', async () => judgeCloud((await cloud).facts, config.liveMigrateRoles, config.listen.port)),
    guarded('placement', async () => {
      const { placement } = await cloud;
      return placement === null ? [] : [judgePlacement(placement)];
    }),
    guarded('notifications', async () => {
      const { notifications } = config;
      return notifications ? judgeNotifications(await probeNotifications(notifications)) : [];
    }),
    guarded('clock', () => checkClock(keystone.authUrl)),
    guarded('tls', async () => judgeCertificates(probeCertificates(hostd), Date.now())),
    guarded('hostd', async () => {
      const { computeHosts } = await cloud.catch(() => ({ computeHosts: null }));
      return judgeHosts(await probeHosts(hostd), computeHosts);
    }),
  ];
  return (await Promise.all(groups)).flat();
}

async function checkClock(authUrl: string): Promise<Finding[]> {
  const clock = await probeClock('Keystone', authUrl);
  // Who does not answer at all is named elsewhere.
  return clock === null ? [] : [judgeClock(clock)];
}

/** A probe that fails in a way nobody thought of is a finding too. */
async function guarded(check: string, findings: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await findings();
  } catch (error) {
    return [
      fail(check, `could not be looked at: ${describeError(error)}`, 'Mend what stands above, then check again.'),
    ];
  }
}
