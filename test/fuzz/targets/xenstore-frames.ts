import { Call, type Request } from '../../../src/xenstore-client/call.ts';
import { Connection } from '../../../src/xenstore-client/connection.ts';
import { ConnectionLostError, ProtocolError, XenstoreError } from '../../../src/xenstore-client/errors.ts';
import { FrameParser } from '../../../src/xenstore-client/frame-parser.ts';
import { formatPermission, type Permission } from '../../../src/xenstore-client/permissions.ts';
import {
  directoryPartRequest,
  directoryRequest,
  domainPathRequest,
  getPermissionsRequest,
  isIntroducedRequest,
  readRequest,
  writeRequest,
} from '../../../src/xenstore-client/requests.ts';
import type { TransportEvents } from '../../../src/xenstore-client/transport.ts';
import {
  encodeFrame,
  encodeStrings,
  type Frame,
  HEADER_BYTES,
  MessageType,
} from '../../../src/xenstore-client/wire.ts';
import { promise, same, type Target, unlessRefused, type Verdict } from '../target.ts';

/** Payload bytes that the parser is told to accept; a mutant that announces more is refused by its header alone. */
const PAYLOAD_MAX = 4096;
const DEADLINE_MS = 3_600_000;

/** What is asked on each connection, in the order of request ids, and how what is answered is written back. */
interface Asked<T> {
  readonly request: () => Request<T>;
  readonly payload: Buffer;
  readonly again: (answer: T) => Buffer;
}

const ASKED = [
  asked(
    () => readRequest('/a', 0),
    Buffer.from('value'),
    bytes => bytes,
  ),
  asked(
    () => directoryRequest('/a', 0),
    encodeStrings('dev-0', 'state-0'),
    names => encodeStrings(...names),
  ),
  asked(
    () => getPermissionsRequest('/a', 0),
    encodeStrings('n0', 'r7', 'b65535'),
    (permissions: Permission[]) => encodeStrings(...permissions.map(formatPermission)),
  ),
  asked(
    () => domainPathRequest(7),
    encodeStrings('/local/domain/7'),
    path => encodeStrings(path),
  ),
  asked(
    () => isIntroducedRequest(7),
    encodeStrings('T'),
    yes => encodeStrings(yes ? 'T' : 'F'),
  ),
  asked(
    () => directoryPartRequest('/a', 0, 0),
    encodeStrings('12', 'dev-0', 'dev-1', ''),
    ({ generation, names, last }) => encodeStrings(generation, ...names, ...(last ? [''] : [])),
  ),
  asked(
    () => writeRequest('/a', 'x', 0),
    encodeStrings('OK'),
    () => encodeStrings('OK'),
  ),
] as const;

function asked<T>(request: () => Request<T>, payload: Buffer, again: (answer: T) => Buffer): Asked<T> {
  return { request, payload, again };
}

function reply(index: number, payload = ASKED[index]?.payload ?? Buffer.alloc(0)): Buffer {
  const type = ASKED[index]?.request().type ?? 0;
  return encodeFrame({ type, requestId: index + 1, transactionId: 0, payload });
}

const event = encodeFrame({
  type: MessageType.WatchEvent,
  requestId: 0,
  transactionId: 0,
  payload: encodeStrings('/local/domain/0/backend/pci/1/0/state', 'w1'),
});
const refusal = encodeFrame({
  type: MessageType.Error,
  requestId: 1,
  transactionId: 0,
  payload: encodeStrings('ENOENT'),
});

/** Bytes as xenstored might send them, to the parser and to a connection with seven requests in flight. */
export const xenstoreFrames: Target = {
  name: 'xenstore-frames',
  about: 'bytes from xenstored: frames read back as they came, every request settles, answers round-trip',
  seeds: [Buffer.concat(ASKED.map((_, index) => reply(index))), Buffer.concat([event, refusal, event, reply(1)])],
  dictionary: ['\0', '/', 'n0\0', 'r7\0', 'T\0', 'F\0', 'ENOENT\0', 'EAGAIN\0', 'E2BIG\0', '@releaseDomain\0'],
  lengths: 'le32',
  heavy: function* () {
    yield Buffer.alloc(64 * 1024);
    yield Buffer.alloc(1024 * 1024, 0xff);
    yield Buffer.concat(Array.from({ length: 2_000 }, () => event));
    const names = Array.from({ length: 1_000 }, (_, index) => `${index}`);
    yield reply(1, encodeStrings(...names));
  },
  quick: 4_000,
  full: 1_000_000,
  open: () => ({
    async run(input): Promise<Verdict> {
      const frames = parsedFrames(input);
      await connected(input);
      return frames === undefined ? 'refused' : 'accepted';
    },
  }),
};

/** @returns undefined when the parser refuses the stream. */
function parsedFrames(input: Buffer): Frame[] | undefined {
  const whole: Frame[] = [];
  const pieces: Frame[] = [];
  const push = (parser: FrameParser, bytes: Buffer, into: Frame[]): true | undefined =>
    unlessRefused([ProtocolError], () => {
      for (const frame of parser.push(bytes)) into.push(frame);
      return true;
    });
  const parser = new FrameParser(PAYLOAD_MAX);
  const good = push(parser, input, whole);
  const other = new FrameParser(PAYLOAD_MAX);
  // As it may come from a socket: in pieces of changing length.
  for (let at = 0, size = 1; at < input.length; at += size, size = ((size * 7) % 61) + 1) {
    if (push(other, input.subarray(at, at + size), pieces) === undefined) break;
  }
  same(pieces, whole, 'the same bytes in pieces are other frames');
  const again = Buffer.concat(whole.map(encodeFrame));
  promise(again.equals(input.subarray(0, again.length)), 'frames are not what came');
  if (good === undefined) return undefined;
  promise(input.length - again.length < HEADER_BYTES + PAYLOAD_MAX, 'more than one frame is held back');
  promise(parser.inFrame === again.length < input.length, 'the parser does not know whether it is in a frame');
  return whole;
}

/** A connection to which these bytes come: whatever they are, every request settles as it is declared to. */
async function connected(input: Buffer): Promise<void> {
  let events: TransportEvents | undefined;
  let ended: Error | undefined;
  const heard: string[] = [];
  const transport = {
    maxPayload: PAYLOAD_MAX,
    inOrder: true,
    pipelined: true,
    send: () => undefined,
    close: () => events?.closed(new Error('closed')),
  };
  const connection = await Connection.open(
    {
      open: async given => {
        events = given;
        return transport;
      },
      window: ASKED.length,
      maxQueued: 8,
      maxReply: PAYLOAD_MAX,
      frameMs: DEADLINE_MS,
      onWatchEvent: (path, token) => heard.push(`${path} ${token}`),
      onEnded: (_, cause) => {
        ended = cause;
      },
    },
    new AbortController().signal,
  );
  const answers = ASKED.map(each => answered(connection, each as Asked<unknown>));
  events?.data(input);
  if (ended !== undefined) promise(ended instanceof ProtocolError, `the connection ended by ${String(ended)}`);
  connection.end(new Error('over'));
  await Promise.all(answers);
  promise(heard.length * (HEADER_BYTES + 2) <= input.length, 'more events were heard than were sent');
}

async function answered<T>(connection: Connection, { request, again }: Asked<T>): Promise<void> {
  let payload: Buffer = Buffer.alloc(0);
  const made = request();
  const decode = (bytes: Buffer, from: Parameters<typeof made.decode>[1]): T => {
    payload = bytes;
    return made.decode(bytes, from);
  };
  const call = new Call({ ...made, decode }, DEADLINE_MS, undefined);
  connection.submit(call);
  const declared = [ProtocolError, ConnectionLostError, XenstoreError];
  const result = await call.promise.catch((error: unknown) => {
    if (declared.some(kind => error instanceof kind)) return undefined;
    throw error;
  });
  if (result === undefined || made.type === MessageType.Write) return;
  promise(
    again(result).equals(payload),
    `an answer to ${made.operation} was taken for another: ${payload.toString('latin1')}`,
  );
}
