/** What the host adapter relies on, case by case: the list that the simulated dom0 must pass, too. */
import { CONTRACT } from '../../contract/cases.ts';
import { ContractStage } from '../dom0/contract-world.ts';
import { type Test, test } from '../dom0/test.ts';

const stage = new ContractStage();

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = CONTRACT.map(contractCase => ({
  ...test(contractCase.name, () => stage.play(contractCase), 600_000),
  prepare: () => stage.prepare(),
}));
