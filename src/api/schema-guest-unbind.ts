import * as z from 'zod';
import type { GuestUnbind } from './manifest.ts';
import { once } from './once.ts';
import { PLACEHOLDERS, unknownPlaceholders } from './placeholders.ts';
import type { IssueParams } from './schema-issue.ts';
import { shown } from './schema-scalars.ts';
import { closest } from './spelling.ts';

const WORDS_MAX = 64;
const WORD_MAX = 4096;
/** One step has 180 s for everything: the guest's part must leave room for the detach itself. */
const TIMEOUT_MAX = 90;
const KNOWN = Object.keys(PLACEHOLDERS);

/**
 * The commands that are known by name. Qubes: `qubes.DetachPciDevice` reads the device's address, without its segment,
 * from standard input (qubes-core-agent-linux: qubes-rpc/qubes.DetachPciDevice); qrexec-client calls it as root and ends
 * with its exit code.
 */
const PRESETS = {
  qubes: {
    command: ['/usr/lib/qubes/qrexec-client', '-d', '{domain}', 'root:QUBESRPC qubes.DetachPciDevice dom0'],
    input: '{guestSlot}\n',
  },
} as const;

const MISSING: IssueParams = { problem: 'MissingField' };

const template = once(() =>
  z
    .string()
    .max(WORD_MAX, `has more than ${WORD_MAX} characters`)
    .superRefine((text, context) => {
      if (text.includes('\0'))
        context.addIssue({ code: 'custom', message: 'has a character that no program can be given' });
      for (const word of unknownPlaceholders(text)) {
        const meant = closest(word, KNOWN);
        const advice =
          meant === undefined ? `known: ${KNOWN.map(known => `{${known}}`).join(', ')}` : `did you mean {${meant}}?`;
        const message = `${shown(`{${word}}`)} stands for nothing; ${advice}; write {{ and }} for braces`;
        context.addIssue({ code: 'custom', message });
      }
    }),
);

const command = once(() =>
  z
    .array(template())
    .min(1, 'is empty; give a program and its arguments')
    .max(WORDS_MAX, `has more than ${WORDS_MAX} words`)
    .superRefine((words, context) => {
      const [program] = words;
      if (program === undefined || /^\/[^{}]+$/.test(program)) return;
      const message = `${shown(program)} is not a program's path; it begins with "/" and has no placeholder, and no shell reads it`;
      context.addIssue({ code: 'custom', message, path: [0] });
    })
    .describe(`Program and arguments, run without a shell. ${placeholderText()}`),
);

interface Written {
  readonly command?: string[];
  readonly preset?: keyof typeof PRESETS;
  readonly input?: string;
  readonly timeoutSeconds: number;
  readonly onFailure: GuestUnbind['onFailure'];
}

/** How a guest is made to let go of a device before it is detached. */
export const guestUnbind: () => z.ZodType<GuestUnbind> = once(() =>
  z
    .strictObject({
      command: command().exactOptional(),
      preset: z
        .enum(['qubes'])
        .describe('A command that is known by name. qubes: the service qubes.DetachPciDevice of a Qubes guest.')
        .exactOptional(),
      input: template()
        .describe('What the program reads on standard input, with the same placeholders.')
        .exactOptional(),
      timeoutSeconds: z
        .int()
        .min(1, `must be from 1 to ${TIMEOUT_MAX}`)
        .max(TIMEOUT_MAX, `must be from 1 to ${TIMEOUT_MAX}`)
        .default(30)
        .describe(`Seconds until the program is ended, which counts as a failure: 1 to ${TIMEOUT_MAX}.`),
      onFailure: z
        .enum(['Refuse', 'Proceed'])
        .default('Refuse')
        .describe(
          'Refuse: then the device stays with the guest, and it is tried again. Proceed: it is detached all the same.',
        ),
    })
    .superRefine(oneCommand, { when: () => true })
    .meta({ oneOf: [{ required: ['command'] }, { required: ['preset'] }] })
    .transform(withCommand)
    .describe('How a guest is made to let go of a device before it is detached, and how long that may take.'),
);

/** Runs beside other errors too, so the value may be of any type. */
function oneCommand(value: unknown, context: z.RefinementCtx): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  if (!('command' in value) && !('preset' in value)) {
    const message = 'does not say what to run; give command or preset';
    context.addIssue({ code: 'custom', message, params: { ...MISSING } });
  }
  for (const field of ['command', 'input']) {
    if (!('preset' in value) || !(field in value)) continue;
    const message = 'stands beside preset, which says itself what to run; remove one of the two';
    context.addIssue({ code: 'custom', message, path: [field] });
  }
}

function withCommand({ command: written = [], preset, input, ...rest }: Written): GuestUnbind {
  if (preset !== undefined) return { ...PRESETS[preset], ...rest };
  return { command: written, ...(input === undefined ? {} : { input }), ...rest };
}

function placeholderText(): string {
  return Object.entries(PLACEHOLDERS)
    .map(([word, meaning]) => `{${word}}: ${meaning}`)
    .join('; ')
    .concat('.');
}
