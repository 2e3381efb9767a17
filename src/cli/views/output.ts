import { Option } from 'commander';
import { Document, visit } from 'yaml';
import { API_VERSION } from '../../api/manifest.ts';
import { isPrintable, printableJson } from '../../daemon/printable-json.ts';
import type { Output } from '../terminal/output.ts';
import type { ApiObject } from './objects.ts';

/** The forms of output of `get`. */
export type Format = 'table' | 'wide' | 'json' | 'yaml';

/** `-o`, as kubectl has it. */
export function formatOption(): Option {
  const option = new Option('-o, --output <format>', 'form of the output');
  return option.choices(['table', 'wide', 'json', 'yaml']).default('table');
}

/** The forms of output of what can be named to other commands. */
export type NamedFormat = Format | 'name';

/** `-o`, with the name that other commands take of each object. */
export function namedFormatOption(): Option {
  const option = new Option('-o, --output <format>', 'form of the output');
  return option.choices(['table', 'wide', 'json', 'yaml', 'name']).default('table');
}

/** Objects to print, and whether one was asked for by name, which is then printed without a list around it. */
export interface Printed {
  readonly objects: readonly ApiObject[];
  readonly kind: string;
  readonly single: boolean;
}

/** Prints objects for programs. */
export function printObjects(output: Output, format: 'json' | 'yaml', { objects, kind, single }: Printed): void {
  const [only] = objects;
  const root = single && only !== undefined ? only : { apiVersion: API_VERSION, kind: `${kind}List`, items: objects };
  // JSON leaves out what is undefined, so YAML goes through it as well.
  const json = JSON.stringify(root, null, 2);
  output.write(format === 'json' ? printableJson(`${json}\n`) : yamlText(new Document(JSON.parse(json))));
}

/** YAML that a terminal cannot take for orders. */
export function yamlText(document: Document): string {
  visit(document, {
    Scalar(_, node) {
      // Only in double quotes does YAML know escapes.
      if (typeof node.value === 'string' && !isPrintable(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return printableJson(document.toString({ lineWidth: 0 }));
}
