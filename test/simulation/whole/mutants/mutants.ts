import type { Law } from '../laws.ts';

/** One fault put into the program on purpose. */
export interface Mutant {
  /** What goes wrong, as a sentence. */
  readonly name: string;
  /** Below the root of the repository. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The laws by which it may be noticed. */
  readonly laws: readonly Law[];
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'what an edited manifest brings together is planned as if it were apart',
    file: 'src/plan/replan/ties.ts',
    find: '...(address === undefined ? [] : [deviceTie(address)]),',
    replace: '',
    laws: ['replanned'],
  },
  {
    name: 'an object that has changed is taken for the one before',
    file: 'src/controller/same-objects.ts',
    find: 'return earlier !== undefined && isSame(earlier, member) ? earlier : member;',
    replace: 'return earlier !== undefined ? earlier : member;',
    laws: ['untrue', 'entitled', 'restless', 'noConvergence', 'notNamed', 'suspended', 'guarded'],
  },
  {
    name: 'what is absent from manifests that cannot all be read is let go of',
    file: 'src/plan/want.ts',
    find: 'if (!source.complete) {',
    replace: 'if (source.complete === undefined) {',
    laws: ['unreadable'],
  },
  {
    name: 'a file that is broken has no last good content',
    file: 'src/source/ledger.ts',
    find: 'else candidates.set(path, { content, stale });',
    replace: 'else candidates.delete(path);',
    laws: ['untrue', 'entitled', 'unreadable'],
  },
  {
    name: 'a folder that is suddenly empty means that nothing is wanted',
    file: 'src/source/folder-source.ts',
    find: 'return allowEmpty ? [...scan.unlisted] : [emptyFolder(this.#folder), ...scan.unlisted];',
    replace: 'return allowEmpty ? [emptyFolder(this.#folder)] : [...scan.unlisted];',
    laws: ['unreadable', 'entitled', 'untrue'],
  },
  {
    name: 'a trial turns a folder that is suddenly empty into one that is meant (as it was)',
    file: 'src/source/folder-source.ts',
    find: ' && before.size === 0;',
    replace: ';',
    laws: ['unreadable', 'entitled', 'untrue'],
  },
  {
    name: 'a reading that failed fails all that follow (as it was)',
    file: 'src/source/folder-source.ts',
    find: 'this.#reading = snapshot.catch(() => undefined);',
    replace: 'this.#reading = snapshot;',
    laws: ['noConvergence', 'crashed'],
  },
  {
    name: 'a step is taken before the record is on disk',
    file: 'src/controller/reconciler.ts',
    find: 'if (!(await this.#remember(withUnsure(decided.inventory, inventory, unsure), inventory)))',
    replace: 'if (void this.#remember(withUnsure(decided.inventory, inventory, unsure), inventory), false)',
    laws: ['unrecorded', 'notNamed'],
  },
  {
    name: 'steps go on although the record could not be written',
    file: 'src/controller/reconciler.ts',
    find: "      report({ type: 'RecordFailed', error, retryAt: this.#backoff.fail(RECORD, error, clock.now()).until });\n      return false;",
    replace:
      "      report({ type: 'RecordFailed', error, retryAt: this.#backoff.fail(RECORD, error, clock.now()).until });\n      return true;",
    laws: ['unrecorded', 'notNamed'],
  },
  {
    name: 'any number of devices leaves running guests unasked',
    file: 'src/plan/approval.ts',
    find: 'return unasked.length <= max ?',
    replace: 'return unasked.length <= max + 3 ?',
    laws: ['unasked'],
  },
  {
    name: 'functions of one card are with two guests, until one of them lets go (as it was)',
    file: 'src/plan/plan.ts',
    find: 'const planned = waitForCompanions(asked, basis);',
    replace: 'const planned = asked;\nvoid waitForCompanions;',
    laws: ['split'],
  },
  {
    name: 'pciback goes on to pass all writes of a guest to the card',
    file: 'src/plan/wishes.ts',
    find: 'permissive: claim.entry.permissive,',
    replace: 'permissive: true,',
    laws: ['guarded'],
  },
  {
    name: 'what dom0 has mounted is taken',
    file: 'src/plan/guards.ts',
    find: "(device.place.at === 'host' ? firstInForce(useGuards(device), source.policy) : undefined)",
    replace: 'firstInForce([], source.policy)',
    laws: ['guarded'],
  },
  {
    name: 'a protected device is taken',
    file: 'src/plan/guards.ts',
    find: 'protectedGuard(device, policy) ??',
    replace: '',
    laws: ['guarded'],
  },
  {
    name: 'another card in the slot is taken',
    file: 'src/plan/guards.ts',
    find: 'identityGuard(claim, device) ??',
    replace: '',
    laws: ['guarded'],
  },
  {
    name: 'a device that two want for themselves goes to either',
    file: 'src/plan/claims.ts',
    find: 'if (exclusive.length === 0 && !twice) return undefined;',
    replace: 'if (!twice) return undefined;',
    laws: ['entitled', 'untrue', 'restless', 'noConvergence'],
  },
  {
    name: 'what an administrator gave to a guest that no manifest names is taken from it',
    file: 'src/plan/want.ts',
    find: "if (!isAttachedByUs(device, holder, held) && assigned.every(spec => spec.driftPolicy === 'Report')) {",
    replace: 'if (!isAttachedByUs(device, holder, held) && assigned.length > 9) {',
    laws: ['notOurs'],
  },
  {
    name: 'a suspended assignment is followed',
    file: 'src/plan/want.ts',
    find: 'if (asleep !== undefined) return { hold: asleep };\n  const device',
    replace: 'const device',
    laws: ['suspended', 'untrue'],
  },
  {
    name: 'a paused guest is asked for its device',
    file: 'src/plan/want.ts',
    find: "  if (holder.state === 'paused') {",
    replace: "  if (holder.state === 'shutoff') {",
    laws: ['paused'],
  },
  {
    name: 'a hint that comes during a pass is lost, and the slow look is never repeated',
    file: 'src/controller/controller.ts',
    find: 'this.#callOffTimer = clock.after(delayMs, () => this.#wake.now());',
    replace: 'if (result.nextDue !== undefined) this.#callOffTimer = clock.after(delayMs, () => this.#wake.now());',
    laws: ['noConvergence', 'leak', 'untrue'],
  },
  {
    name: 'a failed look is not repeated',
    file: 'src/controller/looks.ts',
    find: "report({ type: 'LookFailed', error, retryAt: this.#backoff.fail(LOOK, error, clock.now()).until });",
    replace: "report({ type: 'LookFailed', error, retryAt: clock.now() });\n      return new Promise(() => undefined);",
    laws: ['noConvergence', 'leak'],
  },
  {
    name: 'the deadline of a look leaves its timer behind',
    file: 'src/controller/deadline.ts',
    find: 'callOff();\n      outer.removeEventListener',
    replace: 'outer.removeEventListener',
    laws: ['leak'],
  },
  {
    name: 'a clock that was set back makes what has failed wait for as long',
    file: 'src/controller/backoff.ts',
    find: 'if (failure.until > now + this.#options.capMs) {',
    replace: 'if (failure.until > now + 1e15) {',
    laws: ['noConvergence', 'untrue'],
  },
  {
    name: 'no program is disbelieved: what it says it has done is done',
    file: 'src/controller/reconciler.ts',
    find: 'if (again.get(key) !== stepIdentity(step)) {',
    replace: 'if (error === undefined) {',
    laws: ['untrue'],
  },
  {
    name: 'a device whose step is under way is shown as ready',
    file: 'src/controller/status-types.ts',
    find: 'if (device === undefined || device.underWay !== undefined) return false;',
    replace: 'if (device === undefined) return false;\n  if (device.steps.length > 0) return true;',
    laws: ['untrue'],
  },
  {
    name: 'a device that was pulled out and put back counts as in place (as it was)',
    file: 'src/plan/want.ts',
    find: 'if (isPutBack(device)) return { place: inPlace, hold: putBack(domain, device) };',
    replace: '',
    laws: ['untrue'],
  },
  {
    name: 'a card that was pulled, put back and made assignable is the one that its guest was given (as it was)',
    file: 'src/plan/given.ts',
    find: 'if (found.length === 0) return observed;',
    replace: 'if (found.length >= 0) return observed;',
    laws: ['illegalStep', 'untrue'],
  },
  {
    name: 'which cards guests were given is forgotten when the daemon ends',
    file: 'src/controller/looks.ts',
    find: 'if (given !== this.#kept) await store?.save(given);',
    replace: '',
    laws: ['illegalStep', 'untrue'],
  },
  {
    name: 'the stop does not wait for the steps under way',
    file: 'src/controller/dispatch.ts',
    find: 'await this.#queue.onIdle();',
    replace: '',
    laws: ['leak', 'afterStop'],
  },
  {
    name: 'steps are begun after the stop',
    file: 'src/controller/reconciler.ts',
    find: 'return !this.#stopped && !unsure.has(key)',
    replace: 'return !unsure.has(key)',
    laws: ['afterStop', 'leak'],
  },
  {
    name: 'whoever asked for a look is not answered when the controller stops',
    file: 'src/controller/controller.ts',
    find: '      this.#requests.end();\n',
    replace: '',
    laws: ['unanswered'],
  },
  {
    name: 'the listeners for hints stay when the loop ends',
    file: 'src/controller/controller.ts',
    find: 'for (const end of endHints) end();',
    replace: '',
    laws: ['leak'],
  },
  {
    name: 'a device is given back to dom0 although its domain runs',
    file: 'src/plan/want.ts',
    find: 'if (domain.domid === undefined) return wantForStopped(claim, domain);',
    replace: 'if (domain.domid !== 99_999) return wantForStopped(claim, domain);',
    laws: ['untrue', 'entitled', 'noConvergence', 'restless'],
  },
];
