import {
  type Codec,
  decodeBody,
  encodeBody,
  encodeErrorReply,
  encodeEvent,
  encodeFrame,
  encodeKeepalive,
  encodeReply,
  errorDetails,
  type Frame,
  FrameParser,
  lifecycleEvent,
  MessageStatus,
  type Procedure,
  ProtocolError,
  procedures,
} from '../../../src/node-libvirt/index.ts';
import { promise, same, type Target, unlessRefused, type Verdict } from '../target.ts';

const RED = { name: 'red', uuid: '6f6c1ad1-3c7c-4f4a-9a05-0a4f2b8f7a01', id: 7 };
const BLUE = { name: 'blaues-ü', uuid: '0f6c1ad1-3c7c-4f4a-9a05-0a4f2b8f7a02', id: -1 };

/** All that can be asked of libvirtd, by number. */
const BY_NUMBER: ReadonlyMap<number, Procedure<unknown, unknown>> = new Map(
  Object.values(procedures).map(each => [each.number, each as Procedure<unknown, unknown>]),
);

const details = {
  code: 42,
  domain: 10,
  message: 'Domain not found: no domain with matching name',
  level: 2,
  str1: 'Domain not found: %s',
  str2: null,
  str3: '',
  int1: -1,
  int2: -1,
};

/** Bytes as libvirtd might send them, to the parser and to the codec of what each frame says that it answers. */
export const rpcFrames: Target = {
  name: 'rpc-frames',
  about: 'bytes from libvirtd: frames read back as they came, every body is refused or round-trips',
  seeds: [
    encodeReply(procedures.connectListAllDomains, 1, [RED, BLUE]),
    encodeReply(procedures.domainGetState, 2, { state: 1, reason: 1 }),
    encodeReply(procedures.domainGetXmlDesc, 3, "<domain type='xen'><name>red</name></domain>"),
    encodeReply(procedures.authList, 4, [0]),
    encodeReply(procedures.connectGetVersion, 5, 4_017_005n),
    encodeReply(procedures.connectListAllNodeDevices, 6, ['pci_0000_01_00_0', 'computer']),
    encodeErrorReply(212, 7, details),
    Buffer.concat([
      encodeEvent(lifecycleEvent, { callbackId: 3, domain: RED, event: 2, detail: 0 }),
      encodeKeepalive('ping'),
    ]),
  ],
  dictionary: ['\0\0\0\0', '\0\0\0\u0001', '\0\0\u0001\u0011', '\u0020\0', 'red\0', '\xff\xff\xff\xff'],
  lengths: 'be32',
  heavy: function* () {
    yield Buffer.alloc(1024 * 1024);
    yield Buffer.alloc(1024 * 1024, 0xff);
    // The largest frame there may be is announced, and little of it comes.
    yield Buffer.concat([Buffer.from([0x02, 0, 0, 0x04]), Buffer.alloc(1024 * 1024)]);
    yield encodeReply(
      procedures.connectListAllDomains,
      1,
      Array.from({ length: 16_384 }, () => RED),
    );
    yield encodeReply(procedures.domainGetXmlDesc, 3, 'x'.repeat(4 * 1024 * 1024));
    yield Buffer.concat(Array.from({ length: 10_000 }, () => encodeKeepalive('pong')));
  },
  quick: 4_000,
  full: 1_000_000,
  open: () => ({
    run(input): Verdict {
      const frames = parsedFrames(input);
      const taken = frames.good && frames.list.every(readBody);
      return taken ? 'accepted' : 'refused';
    },
  }),
};

function parsedFrames(input: Buffer): { readonly list: readonly Frame[]; readonly good: boolean } {
  const whole: Frame[] = [];
  const pieces: Frame[] = [];
  const push = (parser: FrameParser, bytes: Buffer, into: Frame[]): true | undefined =>
    unlessRefused([ProtocolError], () => {
      for (const frame of parser.push(bytes)) into.push(frame);
      return true;
    });
  const good = push(new FrameParser(), input, whole) === true;
  const parser = new FrameParser();
  for (let at = 0, size = 1; at < input.length; at += size, size = ((size * 7) % 61) + 1) {
    if (push(parser, input.subarray(at, at + size), pieces) === undefined) break;
  }
  const encoded = whole.map(({ header, body }) => encodeFrame(header, body));
  promise(Buffer.concat(encoded).equals(input.subarray(0, sum(encoded))), 'frames are not what came');
  const again = pieces.map(({ header, body }) => encodeFrame(header, body));
  promise(Buffer.concat(again).equals(Buffer.concat(encoded)), 'the same bytes in pieces are other frames');
  return { list: whole, good };
}

function sum(buffers: readonly Buffer[]): number {
  return buffers.reduce((total, { length }) => total + length, 0);
}

/** @returns whether the body is one of what the frame says it is. */
function readBody({ header, body }: Frame): boolean {
  if (header.status === MessageStatus.error) return roundTrips(errorDetails, body);
  if (header.procedure === lifecycleEvent.number) return roundTrips(lifecycleEvent.body, body);
  const procedure = BY_NUMBER.get(header.procedure);
  return procedure === undefined || roundTrips(procedure.result, body);
}

function roundTrips<T>(codec: Codec<T>, body: Buffer): boolean {
  const taken = unlessRefused([ProtocolError], () => ({ value: decodeBody(codec, body) }));
  if (taken === undefined) return false;
  const again = encodeBody(codec, taken.value);
  same(decodeBody(codec, again), taken.value, 'what was taken cannot be sent');
  return true;
}
