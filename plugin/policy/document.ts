import { basename } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { type Advice, adviceOn } from './advice.ts';
import { oddities, yamlErrors } from './oddities.ts';
import { merge, type Path, type Place, pathText, placesOf, plain, type Traced, TraceError, trace } from './trace.ts';
import { pathAfter, pathAt } from './whereabouts.ts';

/** One thing wrong in a file; line and column count from 1. */
export interface FileError {
  file: string;
  line: number;
  column: number;
  /** Where in the document, e.g. `limits.default.lower`; empty where the text is no document. */
  path: string;
  /** What is wrong and what to do. */
  message: string;
}

/** A file as it was read. */
export interface FileText {
  name: string;
  text: string;
}

/** What the files say, and where each value stands: `seed.yaml:15:7` by path. */
export type ReadDocument<T> = { data: T; places: Record<string, string> } | { errors: FileError[] };

const MAX_TEXT = 1024 * 1024;

/** `seed.yaml:12:5: limits.default.lower: lower is above upper: ...` */
export function formatFileError({ file, line, column, path, message }: FileError): string {
  return `${file}:${line}:${column}: ${path ? `${path}: ` : ''}${message}`;
}

/** Files are named without their folder, unless two would have the same name. */
export function withShortNames(files: readonly FileText[]): FileText[] {
  const short = files.map(({ name }) => basename(name));
  const unique = new Set(short).size === short.length;
  return files.map(({ name, text }, index) => ({ name: unique ? (short[index] ?? name) : name, text }));
}

/**
 * Reads YAML files as one document, later ones over earlier ones (trace.ts, `merge`), and checks it by a schema. Pure,
 * throws nothing; returns every error of all files at once, in the order of the files. Parts that are still missing
 * after merging are errors of the first file.
 */
export function readDocument<T>(files: readonly FileText[], schema: z.ZodType<T>): ReadDocument<T> {
  const counters = files.map(() => new LineCounter());
  const found: Found[] = [];
  const parts: Traced[] = [];
  files.forEach(({ text }, file) => {
    const part = readPart(text, file, counters[file] as LineCounter);
    for (const { place, path, message } of part.errors) {
      found.push({ place, path: pathText(pathAfter(parts, path)), message, isOfYaml: true });
    }
    if (part.content) parts.push(part.content);
  });

  // Broken syntax yields a document that nobody wrote; its other errors would mislead. Of the others is told what stands
  // there, not what is missing: the broken one may have it.
  const [first, ...others] = parts;
  if (first) {
    const merged = others.reduce((earlier, later) => merge(earlier, later), first);
    const parsed = schema.safeParse(plain(merged));
    const advice = (parsed.error?.issues ?? []).flatMap((issue) => adviceOn(merged, issue, { schema, locate }));
    const isThere = parts.length < files.length ? placesOf(merged) : null;
    found.push(...advice.filter(({ path }) => isThere?.has(path) ?? true));
    if (parsed.success && found.length === 0) return { data: parsed.data, places: placeTexts(merged) };
  }
  const ordered = withoutEchoes(found).sort((a, b) => a.place.file - b.place.file || a.place.at - b.place.at);
  return { errors: ordered.map(({ place, path, message }) => ({ ...locate(place), path, message })) };

  function locate({ file, at }: Place): { file: string; line: number; column: number } {
    const { line = 1, col = 1 } = counters[file]?.linePos(at) ?? {};
    // An empty text has no lines yet: linePos says 0.
    return { file: files[file]?.name ?? '', line: Math.max(1, line), column: Math.max(1, col) };
  }

  function placeTexts(merged: Traced): Record<string, string> {
    const text = (place: Place) => {
      const { file, line, column } = locate(place);
      return `${file}:${line}:${column}`;
    };
    return Object.fromEntries([...placesOf(merged)].map(([path, place]) => [path, text(place)]));
  }
}

/** `isOfYaml`: wrong already before the schema is asked. */
type Found = Advice & { isOfYaml?: boolean };

interface Part {
  /** Null: what stands there is no document. */
  content: Traced | null;
  errors: { place: Place; path: Path; message: string }[];
}

function readPart(text: string, file: number, lines: LineCounter): Part {
  const advice = (at: number, message: string, path: Path = []) => ({ place: { file, at }, path, message });
  if (text.length > MAX_TEXT)
    return {
      content: null,
      errors: [advice(0, `larger than ${MAX_TEXT} characters: split it into several files, or write wider patterns`)],
    };
  if (text.includes('\r') && !text.includes('\n')) {
    return {
      content: null,
      errors: [advice(0, 'its lines end with CR alone, which is no end of a line here: save it with LF')],
    };
  }
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const isBroken = document.errors.some((error) => error.code !== 'DUPLICATE_KEY');
  const errors = [...yamlErrors(document), ...oddities(document)].map(({ at, message }) =>
    advice(at, message, isBroken ? [] : pathAt(document, at)),
  );
  if (isBroken) return { content: null, errors };
  try {
    const content = trace(document, file);
    if (content.kind === 'map') return { content, errors };
    const message = document.contents === null ? 'is empty: write into it, or delete the file' : 'must be a map';
    return { content: null, errors: [...errors, advice(0, message)] };
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    const { place, message } = error;
    return { content: null, errors: [...errors, advice(place.at, message, pathAt(document, place.at))] };
  }
}

/** A value that YAML already refused is not reported a second time by the schema. */
function withoutEchoes(found: Found[]): Found[] {
  const first = new Map<string, Found>();
  const kept = found.filter((error) => {
    const at = `${error.place.file} ${error.place.at}`;
    const earlier = first.get(at);
    if (earlier && (earlier.isOfYaml || error.path === earlier.path)) return earlier.message === error.message;
    first.set(at, earlier ?? error);
    return true;
  });
  const key = ({ place, path, message }: Advice) => `${place.file} ${place.at} ${path} ${message}`;
  return [...new Map(kept.map((error) => [key(error), error])).values()];
}
