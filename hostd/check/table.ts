import type { CheckReport } from './finding.ts';

/** Names of interfaces and texts of programs may hold anything; a terminal shall see none of it as an order. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is meant
const CONTROL = /[\u0000-\u001f\u007f-\u009f]+/g;

/** An aligned list, what to do below each gap, and one line that sums it up. */
export function renderTable(report: CheckReport): string {
  const width = Math.max(0, ...report.map(({ check }) => check.length));
  const lines = report.flatMap(({ check, state, found, todo }) => {
    const head = `${state.padEnd(4)}  ${check.padEnd(width)}  `;
    const line = `${head}${plain(found)}`;
    return todo === null ? [line] : [line, `${' '.repeat(head.length)}-> ${plain(todo)}`];
  });
  const count = (state: string) => report.filter((finding) => finding.state === state).length;
  return `${lines.join('\n')}\n\n${count('ok')} ok, ${count('warn')} warnings, ${count('fail')} failures\n`;
}

function plain(text: string): string {
  return text.replace(CONTROL, ' ').trim();
}
