import { Document, isMap, type YAMLMap } from 'yaml';
import { IDENTITY_FIELDS, type Identity } from '../../api/identity.ts';
import { API_VERSION } from '../../api/manifest.ts';
import { domain as domainField } from '../../api/schema-scalars.ts';
import { safeLine } from '../../source/terminal.ts';
import { yamlText } from '../views/output.ts';
import type { ExportedAssignment, ExportedEntry, Terms } from './exported.ts';

/** One exported assignment as a document of a manifest. @param byAddress names devices by address instead of path. */
export function exportText(assignment: ExportedAssignment, byAddress: boolean): string {
  const { name, entries, terms } = assignment;
  const document = new Document({
    apiVersion: API_VERSION,
    kind: 'PCIAssignment',
    metadata: { name },
    spec: {
      domain: domainOf(assignment),
      ...WRITTEN[terms],
      devices: entries.map(entry => written(entry, byAddress)),
    },
  });
  entries.forEach((entry, index) => {
    const node = document.getIn(['spec', 'devices', index], true);
    if (isMap(node)) dress(node, entry, index);
  });
  return yamlText(document);
}

const WRITTEN: Readonly<Record<Terms, object>> = {
  default: {},
  Host: { whenStopped: 'Host' },
  OnNextStart: { updatePolicy: 'OnNextStart' },
  suspend: { suspend: true },
};

function domainOf({ domain, named }: ExportedAssignment): string | { readonly uuid: string } {
  return named && domainField.safeParse(domain.name).success ? domain.name : { uuid: domain.uuid };
}

function written({ name, address, device, permissive }: ExportedEntry, byAddress: boolean): object {
  if (device === undefined) return { name, address };
  return {
    name,
    ...(byAddress ? { address } : { path: device.path }),
    identity: inOrder(device.identity),
    ...(permissive ? { permissive } : {}),
    // Somebody has given it away without a reset already.
    ...(device.resetMethods.length === 0 ? { reset: 'BestEffort' } : {}),
  };
}

function inOrder(identity: Identity): Partial<Identity> {
  return Object.fromEntries(
    IDENTITY_FIELDS.flatMap(field => (identity[field] === undefined ? [] : [[field, identity[field]]])),
  );
}

function dress(node: YAMLMap, { address, device, remarks }: ExportedEntry, index: number): void {
  const text = device === undefined ? address : `${address}: ${device.text.vendor} ${device.text.device}`;
  node.commentBefore = [text, ...remarks].map(line => ` ${safeLine(line)}`).join('\n');
  node.spaceBefore = index > 0;
  const identity = node.get('identity', true);
  if (!isMap(identity)) return;
  identity.flow = true;
  // All of them in quotes, as people write them: 8086 needs it and 10d3 does not.
  for (const { value } of identity.items) Object.assign(value ?? {}, { type: 'QUOTE_DOUBLE' });
}
