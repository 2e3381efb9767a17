import type { PCIAssignment, PCIHostPolicy } from './manifest.ts';

/** The object as a user would write it: what `checkManifest` takes. */
export function writtenForm(object: PCIAssignment | PCIHostPolicy): { readonly spec: unknown } {
  if (object.kind === 'PCIHostPolicy') return object;
  const { domain } = object.spec;
  return { ...object, spec: { ...object.spec, domain: 'name' in domain ? domain.name : domain } };
}
