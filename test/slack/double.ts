import type { Delivered, Delivery } from './courier.ts';
import { clickOf, commandOf, type Doer, elementOf, eventOf, submissionOf } from './payloads.ts';
import { SlackServer } from './server.ts';
import { TEAM } from './workspace.ts';

/**
 * A Slack server on loopback, for a real Bolt app: it answers the Web API within Slack's limits and rates, and delivers
 * commands, clicks and events signed over HTTP or through a Socket Mode WebSocket, with Slack's time limit and retries.
 */
export class SlackDouble extends SlackServer {
  /**
   * Somebody types a slash command. `to`: the app's request URL, null: through the socket. Slack says that people of other
   * workspaces cannot use a workspace's own commands (help, "Slack Connect guide"); here they can, to see that nothing
   * rests on it.
   */
  command(text: string, { user, channel }: { user: string; channel: string }, to: string | null): Promise<Delivered> {
    const responseUrl = this.responseUrl(channel, user);
    return this.courier.deliver(to, commandOf(text, this.#doer(user), channel, responseUrl));
  }

  /** Somebody clicks an element of a message, its dialogue confirmed. */
  click(
    at: { channel: string; ts: string; actionId: string; value?: string },
    user: string,
    to: string | null,
  ): Promise<Delivered> {
    const message = this.workspace.find(at.channel, at.ts);
    const shown = message?.versions.at(-1);
    const element = elementOf(shown?.blocks ?? [], at.actionId, at.value);
    if (!message || !shown || !element)
      throw new Error(`there is no ${at.actionId} to click in ${at.channel} ${at.ts}`);
    const place = {
      container: {
        type: 'message',
        message_ts: at.ts,
        channel_id: at.channel,
        is_ephemeral: message.onlyFor !== null,
      },
      channel: { id: at.channel, name: 'ops' },
      message: { type: 'message', ts: at.ts, text: shown.text, blocks: shown.blocks },
      response_url: this.responseUrl(at.channel, user),
    };
    return this.courier.deliver(to, clickOf(element, this.#doer(user), place));
  }

  /** Somebody clicks an element of the app's home. */
  clickHome(actionId: string, user: string, to: string | null): Promise<Delivered> {
    const view = this.workspace.homes.get(user);
    const element = elementOf((view?.blocks ?? []) as unknown[], actionId, undefined);
    if (!view || !element) throw new Error(`there is no ${actionId} to click in the home of ${user}`);
    const id = `V${user}`;
    const doer = this.#doer(user);
    const place = { container: { type: 'view', view_id: id }, view: { ...view, id, team_id: doer.teamId } };
    return this.courier.deliver(to, clickOf(element, doer, place));
  }

  /** Somebody submits a modal: `state` by block and action. It closes, unless the app says what is wrong at which field. */
  async submit(
    viewId: string,
    state: Readonly<Record<string, Readonly<Record<string, object>>>>,
    to: string | null,
  ): Promise<Delivered> {
    const open = this.workspace.modals.find(({ id }) => id === viewId);
    if (!open) throw new Error(`modal ${viewId} is not open`);
    const delivered = await this.courier.deliver(to, submissionOf(viewId, open.view, state, this.#doer(open.user)));
    // Without an acknowledgement it stays, and its client says that something went wrong.
    if (delivered.acknowledged && this.workspace.errorsOf(viewId, delivered.body) === null)
      this.workspace.close(viewId);
    return delivered;
  }

  /** Somebody opens the app's home. */
  openHome(user: string, to: string | null): Promise<Delivered> {
    return this.event({ type: 'app_home_opened', user, channel: `D${user}`, tab: 'home', event_ts: '1.0' }, to);
  }

  event(event: Record<string, unknown>, to: string | null): Promise<Delivered> {
    const nowMs = Date.now();
    return this.courier.deliver(to, eventOf(event, `Ev${this.calls.length}${nowMs}`, nowMs));
  }

  /** The same delivery once more, as Slack's retries and lost acknowledgements do. */
  again(delivery: Delivery, to: string | null, retry: { attempt: number; reason: string }): Promise<Delivered> {
    return this.courier.deliver(to, delivery, retry);
  }

  /** As Slack would sign it at that time, for whoever sends it himself. */
  sign(delivery: Delivery, atMs: number): { body: string; headers: Record<string, string> } {
    return this.courier.sign(delivery, atMs);
  }

  /** Cuts the sockets of Socket Mode, as Slack does every few hours: with a warning before it, or without. */
  disconnect(warned: boolean): void {
    this.courier.disconnect(warned);
  }

  /** How many sockets of Socket Mode are open. */
  get connections(): number {
    return this.courier.connections;
  }

  connected(): Promise<void> {
    return this.courier.connected();
  }

  #doer(user: string): Doer {
    const member = this.workspace.members.get(user);
    const atMs = Date.now();
    const triggerId = this.workspace.trigger(user, atMs);
    return { user, name: member?.name ?? user, teamId: member?.teamId ?? TEAM, triggerId, atMs };
  }
}
