import { describe, expect, test } from 'vitest';
import { HostError } from '../../../src/controller/ports.ts';
import { IommuFact, parseVirtCaps } from '../../../src/host/xl/iommu.ts';

const never = new AbortController().signal;

describe('whether Xen has an IOMMU', () => {
  test.each([
    ['virt_caps              : pv hvm hvm_directio pv_directio hap shadow\n', 'present'],
    ['virt_caps              : hvm_directio\n', 'present'],
    ['virt_caps              : pv hvm\n', 'absent'],
    ['virt_caps              :\n', 'absent'],
    ['nr_cpus : 4\n', 'unknown'],
    ['', 'unknown'],
    ['xen_caps : pv_directio\n', 'unknown'],
  ])('from %j', (text, state) => {
    expect(parseVirtCaps(text)).toMatchObject({ state });
  });

  test('is asked once, and again as long as there was no answer', async () => {
    const answers = [
      () => Promise.reject(new HostError('DeadlineExceeded', 'xl info was not done')),
      () => Promise.resolve('virt_caps : pv pv_directio\n'),
      () => Promise.reject(new Error('asked once too often')),
    ];
    const fact = new IommuFact({ info: () => answers.shift()?.() ?? Promise.resolve('') });
    expect(await fact.read(never)).toEqual({ state: 'unknown', why: 'xl info was not done' });
    expect(await fact.read(never)).toEqual({ state: 'present' });
    expect(await fact.read(never)).toEqual({ state: 'present' });
  });
});
