import { DROVER_ENDPOINT } from '../../lab/drover.ts';
import type { Lab } from '../../lab/lab.ts';
import { NOVA_MICROVERSION } from '../../lab/rest.ts';
import type { Asked, Transport } from '../clients.ts';

const TIMEOUT_MS = 120_000;
const BODY = { 'os-migrateLive': { host: null, block_migration: 'auto' } };

/** To Drover in a lab, with the token of an account that is not Drover's own. */
export class LabTransport implements Transport {
  readonly #lab: Lab;
  readonly #token: string;

  constructor(lab: Lab, token: string) {
    this.#lab = lab;
    this.#token = token;
  }

  async migrate(vmUuid: string, _tag: string, leaveMs: number | null): Promise<Asked['outcome']> {
    try {
      const { status, headers } = await this.#send('POST', `/servers/${vmUuid}/action`, BODY, leaveMs ?? TIMEOUT_MS);
      return { status, requestId: String(headers['x-openstack-request-id'] ?? '') || null };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (text.includes('ECONNREFUSED')) return 'refused';
      if (leaveMs === null && text.includes('aborted')) throw new Error(`no answer within ${TIMEOUT_MS / 1000} s`);
      return text.includes('aborted') ? 'left' : 'broken';
    }
  }

  async abort(vmUuid: string): Promise<void> {
    try {
      const { json } = await this.#send('GET', `/servers/${vmUuid}/migrations`, undefined, TIMEOUT_MS);
      const running = json?.migrations?.find(({ status }: { status: string }) => status === 'running');
      if (running) await this.#send('DELETE', `/servers/${vmUuid}/migrations/${running.id}`, undefined, TIMEOUT_MS);
    } catch {
      // The plugin was killed: nothing is aborted, or Nova says what was.
    }
  }

  #send(method: string, path: string, body: unknown, timeoutMs: number) {
    const headers = { 'X-Auth-Token': this.#token, 'OpenStack-API-Version': `compute ${NOVA_MICROVERSION}` };
    return this.#lab.rest.send(method, `${DROVER_ENDPOINT}${path}`, { headers, timeoutMs, ...(body ? { body } : {}) });
  }
}
