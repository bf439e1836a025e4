/** What Slack tells the app of what people do (docs.slack.dev: slash commands, block_actions, view_submission, Events API). Pure. */
import type { Delivery } from './courier.ts';
import { TEAM } from './workspace.ts';

/** Who does it. */
export interface Doer {
  user: string;
  name: string;
  /** Their workspace. */
  teamId: string;
  /** For the form that may open from it. */
  triggerId: string;
  atMs: number;
}

export function commandOf(text: string, by: Doer, channel: string, responseUrl: string): Delivery {
  return {
    type: 'slash_commands',
    payload: {
      token: 'legacy',
      team_id: by.teamId,
      team_domain: 'test',
      channel_id: channel,
      channel_name: 'ops',
      user_id: by.user,
      user_name: by.name,
      command: '/migrate',
      text,
      api_app_id: 'A1',
      is_enterprise_install: 'false',
      response_url: responseUrl,
      trigger_id: by.triggerId,
    },
  };
}

/** `place`: what Slack tells of where the element stands. */
export function clickOf(element: object, by: Doer, place: object): Delivery {
  return {
    type: 'interactive',
    payload: {
      type: 'block_actions',
      // The app's own, whoever clicks (slackapi/java-slack-sdk, issue 1041).
      team: { id: TEAM, domain: 'test' },
      user: { id: by.user, username: by.name, team_id: by.teamId },
      api_app_id: 'A1',
      token: 'legacy',
      ...place,
      trigger_id: by.triggerId,
      actions: [{ ...element, action_ts: String(by.atMs / 1000) }],
    },
  };
}

/** A modal with what its fields say, by block and action. */
export function submissionOf(viewId: string, view: object, values: object, by: Doer): Delivery {
  return {
    type: 'interactive',
    payload: {
      type: 'view_submission',
      // Of whoever submits, while the view says where the app is installed (slackapi/bolt-js, issue 1614).
      team: { id: by.teamId, domain: 'test' },
      user: { id: by.user, name: by.user, team_id: by.teamId },
      api_app_id: 'A1',
      token: 'legacy',
      trigger_id: by.triggerId,
      view: { ...view, id: viewId, state: { values }, hash: '1', team_id: by.teamId, app_installed_team_id: TEAM },
    },
  };
}

export function eventOf(event: Record<string, unknown>, id: string, atMs: number): Delivery {
  return {
    type: 'events_api',
    payload: {
      token: 'legacy',
      team_id: TEAM,
      api_app_id: 'A1',
      type: 'event_callback',
      event_id: id,
      event_time: Math.floor(atMs / 1000),
      event,
    },
  };
}

interface Element {
  action_id?: string;
  value?: string;
}

/** The element of that action, with its block; null: there is none. */
export function elementOf(blocks: readonly unknown[], actionId: string, value: string | undefined): object | null {
  for (const block of blocks as { block_id?: string; elements?: Element[]; accessory?: Element }[]) {
    for (const element of [...(block.elements ?? []), ...(block.accessory ? [block.accessory] : [])]) {
      if (element.action_id === actionId && (value === undefined || element.value === value)) {
        return { ...element, block_id: block.block_id ?? 'b1' };
      }
    }
  }
  return null;
}
