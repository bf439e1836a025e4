import { z } from 'zod';
import { PolicyDocument } from './schema.ts';

type Json = { [key: string]: unknown };

/**
 * The JSON Schema of a policy file, for completion in editors. It describes one file, which may be one of several: what
 * may come from another file is not required here, rows and rules are. What needs more than one value to tell (an open
 * cell of a table, lower above upper, contradicting rules) only `drover policy check` finds.
 */
export function policyJsonSchema(): Json {
  const { $schema, ...schema } = z.toJSONSchema(PolicyDocument, { io: 'input', target: 'draft-7' }) as Json;
  return {
    $schema,
    title: 'Policy of Drover',
    description: 'Rules of live migrations: who is urgent, how, when and with how much bandwidth. See seed.yaml.',
    ...withoutRequired(schema),
  };
}

/** The file as it is shipped. */
export function policySchemaText(): string {
  return `${JSON.stringify(policyJsonSchema(), null, 2)}\n`;
}

/** Maps are merged over files: outside of lists no key is required. */
function withoutRequired(node: unknown): Json {
  const { required: _required, ...rest } = node as Json;
  const inside = (value: unknown, apply: (each: unknown) => unknown) =>
    Object.fromEntries(Object.entries(value as Json).map(([key, each]) => [key, apply(each)]));
  for (const key of ['properties', 'patternProperties']) {
    if (rest[key]) rest[key] = inside(rest[key], withoutRequired);
  }
  if (typeof rest.additionalProperties === 'object') {
    rest.additionalProperties = withoutRequired(rest.additionalProperties);
  }
  for (const key of ['anyOf', 'oneOf', 'allOf']) {
    if (Array.isArray(rest[key])) rest[key] = (rest[key] as unknown[]).map(withoutRequired);
  }
  return rest;
}
