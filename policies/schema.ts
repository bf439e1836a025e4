import { writeFileSync } from 'node:fs';
import { policySchemaText } from '../plugin/policy/jsonschema.ts';

/** Writes policy.schema.json from the policy language's own schema (`npm run policy:schema`). */
writeFileSync(new URL('policy.schema.json', import.meta.url), policySchemaText());
