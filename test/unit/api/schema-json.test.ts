import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { jsonSchemas } from '../../../src/api/schema-json.ts';

const folder = new URL('../../../manifests/schema', import.meta.url).pathname;
const command = 'UPDATE_SCHEMAS=1 npx vitest run --config test/vitest.config.ts test/unit/api/schema-json.test.ts';

describe('manifests/schema', () => {
  const generated = jsonSchemas();
  const names = Object.keys(generated).sort();

  if (process.env['UPDATE_SCHEMAS'] !== undefined) {
    mkdirSync(folder, { recursive: true });
    for (const [name, schema] of Object.entries(generated)) {
      writeFileSync(join(folder, name), `${JSON.stringify(schema, null, 2)}\n`);
    }
  }

  it('has no other files than the generated ones', () => {
    expect(readdirSync(folder).sort(), `regenerate with: ${command}`).toEqual(names);
  });

  it.each(names)('%s is what the schemas generate', name => {
    const committed: unknown = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    expect(committed, `regenerate with: ${command}`).toEqual(JSON.parse(JSON.stringify(generated[name])));
  });

  it.each(names)('%s describes every field', name => {
    expect(undescribed(generated[name], name)).toEqual([]);
  });
});

/** The paths of all properties without a description. */
function undescribed(node: unknown, path: string): string[] {
  if (typeof node !== 'object' || node === null) return [];
  const properties = 'properties' in node && 'type' in node ? Object.entries(Object(node.properties)) : [];
  const here = properties.filter(([, schema]) => !Object.hasOwn(Object(schema), 'description'));
  return [
    ...here.map(([key]) => `${path}.${key}`),
    ...Object.entries(node).flatMap(([key, inner]) => undescribed(inner, `${path}.${key}`)),
  ];
}
