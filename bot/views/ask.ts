import type { types } from '@slack/bolt';
import { type Ask, hasEnded } from '../asks/ask.ts';
import { writeValue } from '../asks/click.ts';
import { unescapeSlack } from '../command/words.ts';
import {
  actions,
  button,
  context,
  divider,
  header,
  type Message,
  MOST_BLOCKS,
  MOST_TEXT,
  message,
  section,
  sectionsOf,
  textLength,
} from './blocks.ts';
import { counted } from './figures.ts';
import { headlineOf, wishLine } from './headline.ts';
import { clipped, oneName } from './inert.ts';
import { code, groupMention, joined, type Mrkdwn, md, mention, moment, prose } from './mrkdwn.ts';
import { noteBlocks } from './note.ts';
import { outcomeLines } from './summary.ts';
import { prioritiesAbove, type Totals, totalsOf } from './totals.ts';
import { dayOrTime } from './vmline.ts';
import { progressLine, vmBlocks } from './vmlist.ts';

/**
 * The one message of an ask, as things stand. Built anew at every change; the same state gives the same message, so what
 * has not changed need not be sent.
 */
export function askMessage(ask: Ask, nowMs: number): Message {
  const totals = totalsOf(ask, nowMs);
  const headline = headlineOf(ask, totals);
  const blocks: types.KnownBlock[] = [
    header(`${headline.emoji} ${headline.text}`),
    context(
      md`${mention(ask.askedBy)} asked ${moment(ask.askedAtMs, dayOrTime(ask.askedAtMs, nowMs))}: ${code(`/migrate ${unescapeSlack(ask.text)}`, 200)}`,
    ),
    ...(wishLine(ask, totals, nowMs) ?? []).map((line) => context(line)),
    ...stateBlocks(ask, nowMs),
    ...noteBlocks(ask.note ?? null),
  ];
  if (ask.state === 'following' && totals.count > 1) blocks.push(section(progressLine(totals, nowMs)));
  const buttons = buttonsOf(ask, totals);
  const tail: types.KnownBlock[] = [
    ...(ask.state === 'ended' && totals.by.done > 0 ? [divider(), ...sectionsOf(outcomeLines(ask), 1).blocks] : []),
    ...actions(`ask:${ask.id}`, buttons),
  ];
  const length = MOST_TEXT - textLength([...blocks, ...tail]);
  blocks.push(...vmBlocks(ask, nowMs, { blocks: MOST_BLOCKS - blocks.length - tail.length, length }), ...tail);
  return message(fallback(ask, totals, headline.text), blocks);
}

/** What stands between head and servers. */
function stateBlocks(ask: Ask, nowMs: number): types.KnownBlock[] {
  const { state, stateText, approval } = ask;
  const blocks: types.KnownBlock[] = [];
  if (state === 'choosing') blocks.push(...choiceBlocks(ask));
  if (approval && state === 'awaiting-approval') {
    const { outlook = [], mentions = [] } = approval;
    blocks.push(
      ...(outlook.length > 0 ? [section(md`🔮 *If it began now:* ${outlook.join(' · ')}`)] : []),
      section(
        md`✋ *A second person must agree:* ${approval.reason}.\nUntil ${moment(approval.expiresAtMs, dayOrTime(approval.expiresAtMs, nowMs))}, else nothing is done${approval.who === undefined ? '' : `; ${approval.who}`}.`,
      ),
      ...(mentions.length > 0 ? [section(joined(mentions.map(mentionOf), ' '))] : []),
    );
  }
  if (approval?.by && approval.verdict) {
    const [mark, word] = approval.verdict === 'approved' ? ['👍', 'approved'] : ['👎', 'turned down'];
    const at = approval.atMs === null ? md`` : md` ${moment(approval.atMs, dayOrTime(approval.atMs, nowMs))}`;
    blocks.push(context(md`${mark} ${word} by ${mention(approval.by)}${at} (${approval.reason})`));
  }
  if (ask.waitsUntilMs && !hasEnded(ask)) {
    const until = moment(ask.waitsUntilMs, dayOrTime(ask.waitsUntilMs, nowMs));
    blocks.push(
      context(
        md`🔌 ${prose(stateText ?? '', 700)}. It is kept, and handed over as soon as Drover answers, until ${until}.`,
      ),
    );
  } else if (stateText?.trim() && state !== 'following' && state !== 'awaiting-approval') {
    const lines = stateText.split('\n').filter((line) => line.trim() !== '');
    const shown = joined(
      lines.slice(0, 8).map((line) => prose(line, 700)),
      '\n',
    );
    blocks.push(state === 'refused' || state === 'expired' ? section(shown) : context(shown));
  }
  return blocks;
}

/** The others are asked for when these are chosen. */
function mentionOf(id: string): Mrkdwn {
  return id.startsWith('S') ? groupMention(id) : mention(id);
}

const MOST_CHOICES = 3;
const MOST_OF_A_NAME = 5;

/** For each name that several servers have, a line and a button for each of them. */
function choiceBlocks({ id, choices }: Ask): types.KnownBlock[] {
  const blocks = choices.slice(0, MOST_CHOICES).flatMap(({ pattern, servers }, index): types.KnownBlock[] => {
    const shown = servers.slice(0, MOST_OF_A_NAME);
    const lines = shown.map(
      ({ id: server, projectId, host, flavorName, status }, at) =>
        md`${at + 1}. on ${code(host ?? 'no host', 30)} · project ${code(projectId, 36)} · ${prose(flavorName, 30)}, ${prose(status, 20)} · ${code(server)}`,
    );
    const more = servers.length > shown.length ? [md`_and ${servers.length - shown.length} more: write its id_`] : [];
    const buttons = shown.map(({ id: server, host }, at) =>
      button({
        label: `${at + 1}. on ${host ?? 'no host'}`,
        actionId: `ask.choose:${index}.${at}`,
        value: writeValue(id, server, String(index)),
      }),
    );
    const title = md`*${counted(servers.length, 'server')}* are called ${code(pattern)}. Which one?`;
    return [...sectionsOf([title, ...lines, ...more], 2).blocks, ...actions(`choose:${id}:${index}`, buttons)];
  });
  if (choices.length > MOST_CHOICES)
    blocks.push(context(md`and ${choices.length - MOST_CHOICES} more such names after these`));
  return blocks;
}

/** What can be done with it now. Rights are checked at the click: who may not is told so. */
function buttonsOf(ask: Ask, totals: Totals): types.Button[] {
  const value = writeValue(ask.id);
  const open = totals.by.waiting + totals.by.running;
  const what =
    totals.count === 1 && ask.vms[0]
      ? clipped(oneName(ask.vms[0].name), 60)
      : `${counted(open, 'server')} of this request`;
  switch (ask.state) {
    case 'received':
    case 'choosing':
      return [withdraw(value)];
    case 'awaiting-approval':
      return [
        button({
          label: 'Approve',
          actionId: 'ask.approve',
          value,
          style: 'primary',
          confirm: {
            title: 'Let it begin?',
            text: `You agree that ${what} may move now.`,
            yes: 'Approve',
            no: 'Not yet',
          },
        }),
        button({
          label: 'Decline',
          actionId: 'ask.turn-down',
          value,
          style: 'danger',
          confirm: {
            title: 'Decline it?',
            text: `Nothing will be moved.`,
            yes: 'Decline',
            no: 'Not yet',
            danger: true,
          },
        }),
        withdraw(value),
      ];
    case 'submitting':
    case 'following':
      return open === 0 ? [why(value)] : [cancel(value, what), ...raises(ask, totals), why(value)];
    case 'ended':
      return ask.vms.some(({ migration }) => migration?.decision) ? [why(value)] : [];
    default:
      return [];
  }
}

function withdraw(value: string): types.Button {
  return button({
    label: 'Withdraw',
    actionId: 'ask.cancel',
    value,
    confirm: {
      title: 'Withdraw the request?',
      text: `Nothing will be moved.`,
      yes: 'Withdraw',
      no: 'Keep it',
      danger: true,
    },
  });
}

function cancel(value: string, what: string): types.Button {
  return button({
    label: 'Cancel',
    actionId: 'ask.cancel',
    value,
    style: 'danger',
    confirm: {
      title: 'Cancel the migration?',
      text: `${what}: what waits is not begun, what runs is aborted and stays where it is. What is in post-copy cannot be stopped.`,
      yes: 'Cancel it',
      no: 'Go on',
      danger: true,
    },
  });
}

/** A button for each priority above the one that counts; what it would change is shown before it counts. */
function raises(ask: Ask, { priority }: Totals): types.Button[] {
  const now = priority ?? ask.wish.priority;
  if (now === null) return [];
  return prioritiesAbove(now).map((to) =>
    button({ label: `Raise to ${to}…`, actionId: `ask.raise:${to}`, value: writeValue(ask.id, to) }),
  );
}

function why(value: string): types.Button {
  return button({ label: 'Why so?', actionId: 'ask.why', value });
}

/** All of it in one line. */
function fallback(ask: Ask, totals: Totals, headline: string): Mrkdwn {
  const { by, failed, aborted, refused } = totals;
  const parts = [
    ...(by.done > 0 ? [`${by.done} done`] : []),
    ...(by.running > 0 ? [`${by.running} running`] : []),
    ...(by.waiting > 0 ? [`${by.waiting} waiting`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(aborted > 0 ? [`${aborted} aborted`] : []),
    ...(refused > 0 ? [`${refused} refused`] : []),
  ];
  const isAsked = ask.state === 'submitting' || ask.state === 'following' || ask.state === 'ended';
  const stand = isAsked && totals.count > 1 && parts.length > 0 ? ` (${parts.join(', ')})` : '';
  const detail = ask.approval && ask.state === 'awaiting-approval' ? `: ${ask.approval.reason}` : '';
  return md`${headline}${stand}${detail}. Asked by ${mention(ask.askedBy)}: /migrate ${unescapeSlack(ask.text)}`;
}
