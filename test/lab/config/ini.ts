/** Configuration in oslo.config's INI: sections of options. */
export type Ini = Record<string, Record<string, string | number | boolean>>;

/** Renders `sections`; later arguments add to and override earlier ones. */
export function renderIni(...parts: Ini[]): string {
  const merged: Ini = {};
  for (const part of parts) {
    for (const [section, options] of Object.entries(part)) merged[section] = { ...merged[section], ...options };
  }
  return Object.entries(merged)
    .map(([section, options]) => {
      const lines = Object.entries(options).map(([name, value]) => `${name} = ${value}`);
      return `[${section}]\n${lines.join('\n')}\n`;
    })
    .join('\n');
}
