/** What a card says it is: four hex digits each, lower case; `class` is base class and subclass. */
export interface Identity {
  readonly vendor: string;
  readonly device: string;
  readonly subsystemVendor?: string;
  readonly subsystemDevice?: string;
  readonly class?: string;
}

/** The fields of an identity in the order in which they are shown. */
export const IDENTITY_FIELDS: readonly (keyof Identity)[] = [
  'vendor',
  'device',
  'subsystemVendor',
  'subsystemDevice',
  'class',
];

/** One field in which a card differs from what the manifest expects. */
export interface IdentityDifference {
  readonly field: keyof Identity;
  readonly expected: string;
  readonly found: string;
}

/** The fields of `expected` that `found` does not have; fields that are not given match anything. */
export function identityDifferences(expected: Partial<Identity>, found: Identity): IdentityDifference[] {
  const differences: IdentityDifference[] = [];
  for (const field of IDENTITY_FIELDS) {
    const wanted = expected[field];
    const actual = found[field];
    if (wanted !== undefined && wanted !== actual) {
      differences.push({ field, expected: wanted, found: actual ?? 'none' });
    }
  }
  return differences;
}
