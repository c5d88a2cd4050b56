// Every limit that holds peers, files and other programs in bounds, with where its number comes from. What an honest peer
// notices of them: docs/protocol.md, section 11; all of them in one table: docs/security.md. Imports nothing.

const KIB = 1024;
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

// Who may connect. Hyperswarm dials 64 peers and bounds inbound ones not at all; libtorrent takes 200 in all.

export const MAX_CONNECTIONS = 64;
/** Of strangers. */
export const MAX_INBOUND_CONNECTIONS = 48;
/** Kept free for peers that proved a room before, and for the local network. */
export const RESERVED_CONNECTIONS = 8;
/** Of these, for peers that proved a room before only: one machine nearby must not shut friends out either. */
export const RESERVED_FOR_KNOWN = 4;
/** From one address of the internet. */
export const MAX_PER_ADDRESS = 8;
/** Several engines of one machine are usual on a local network: windows, containers, a box with many GPUs. */
export const MAX_PER_LAN_ADDRESS = 32;
/** Inbound connections of strangers from one address, and strangers that prove one room. croc's number. */
export const MAX_JOINS_PER_MINUTE = 30;
/** Times as many from the local network: a classroom opens its laptops at once. */
export const LAN_JOINS_FACTOR = 8;
/** Of one address. A proof has 256 bits, so this only keeps the noise away; magic-wormhole allows one guess a code. */
export const MAX_WRONG_PROOFS_PER_MINUTE = 5;
export const MAX_LAN_WRONG_PROOFS_PER_MINUTE = 20;
/** Of all strangers together: a wrong proof does not tell which room it was meant for. */
export const MAX_ALL_WRONG_PROOFS_PER_MINUTE = 30;
/** Keys that are kept out. Who lies under a new key each time must not make the table grow. */
export const MAX_STRUCK_KEYS = 4_096;
/** Keys that proved a room, for which places are kept. libtorrent remembers 3,000 peers. */
export const MAX_KNOWN_PEERS = 1_000;
/** For a lie about content, which no honest peer tells: the first one counts. libtorrent bans a sole source at once. */
export const LIAR_BAN_MS = DAY_MS;
/** For breaking the protocol again and again, which may also be a bug. libtorrent's `max_failcount` is 3. */
export const MAX_VIOLATIONS = 3;
export const VIOLATOR_BAN_MS = 10 * MINUTE_MS;

// A connection. The transport itself notices a dead path after 13 to 17 s (measured).

/** Whoever proved no room by then is a prober, or means another program. Syncthing and libtorrent give 10 s too. */
export const PROOF_DEADLINE_MS = 10 * SECOND_MS;
/** Left all rooms: time for the last messages to go out. There is no other end for being idle: a room is a conversation. */
export const NO_ROOM_MS = 3 * SECOND_MS;
/** Channels that a peer may have opened at a time: 64 rooms with the secrets that they had, and room for more kinds. */
export const MAX_REMOTE_CHANNELS = 2_048;
/** On the local network a departure shows within 2 s, also on a busy machine; over the internet a second of silence is nothing. */
export const LAN_BEAT_MS = 400;
export const WAN_BEAT_MS = 2 * SECOND_MS;
/** Silent for this long: the connection is dead. */
export const DEAD_MS = 10 * SECOND_MS;
/** It speaks, but takes nothing: what is told meanwhile would fill our memory. A slow one takes a chunk in that time. */
export const TAKES_NOTHING_MS = MINUTE_MS;

// Messages

/** 64 KiB of anything decode in about a millisecond (measured). iroh allows 1 MiB, Syncthing 500 MB. */
export const MAX_CONTROL_BYTES = 64 * KIB;
/** Comes first, from somebody who only just proved the room. */
export const MAX_HELLO_BYTES = 2 * KIB;
/** 80 code points of up to 4 bytes. Ollama, too, takes 80 characters for a part of a name. */
export const MAX_PEER_NAME_BYTES = 320;
/** On every channel; useful work gives some back. An honest peer says a few a second. */
export const MESSAGES_PER_SECOND = 200;
export const MESSAGES_AT_ONCE = 400;
/** Questions for what is not there, on a connection. Hypercore's number. */
export const MAX_INVALID_QUESTIONS = 64;

// What peers offer. An entry is some 600 bytes, so all of them are 6 MB.

/** Entries that one peer may offer in one room. Real people share a few dozen. */
export const MAX_PEER_ENTRIES = 500;
/** Entries of one page, which also stays under `MAX_CONTROL_BYTES`. */
export const MAX_PAGE_ENTRIES = 100;
/** Adapters of all rooms together. When there are more, the peer that brought most gives way. */
export const MAX_CATALOG_CONTENTS = 10_000;
/** Entries that a peer may change: each costs the check of a signature. Four whole lists at once, then one in 25 s. */
export const ENTRIES_PER_SECOND = 20;
export const ENTRIES_AT_ONCE = 4 * MAX_PEER_ENTRIES;
/** Pieces of lists of all peers that wait for the check of their signatures, of a page each: 100 MB if all were as long as may be. */
export const MAX_TURNS_WAITING = 128;
/** Between two whole lists that we tell: a question of three bytes is answered by hundreds of kilobytes. */
export const WHOLE_LIST_MS = 5 * SECOND_MS;

// The general room, where lists are passed on. 20 entries and 64 KiB a second are what a home line does not notice.

/** Names of parts of lists in one message, 42 bytes each. */
export const MAX_GOSSIP_NAMES = 1_000;
/** Parts that one message asks for, and brings. */
export const MAX_GOSSIP_PARTS = 100;
/** Entries of one part: at a page of 20 a second nobody waits long behind a part. */
export const MAX_PART_ENTRIES = 20;
/** Two parts fit into a message. */
export const MAX_PART_BYTES = 30_000;
/** Of one list: all that one peer may offer. */
export const MAX_LIST_PARTS = MAX_PEER_ENTRIES / MAX_PART_ENTRIES;
/** What one neighbour may be told. */
export const GOSSIP_BYTES_PER_SECOND = 64 * KIB;
export const GOSSIP_BYTES_AT_ONCE = MIB;
/** Lists that are kept, empty ones too. Beyond it a peer knows a part of the room, and another peer another part. */
export const MAX_GOSSIP_LISTS = 4_096;
/** A list that its origin does not tell anew any more; it does so every ten minutes. */
export const GOSSIP_KEEP_MS = 30 * MINUTE_MS;

// A package. Sizes are fixed, so that ids agree everywhere.

/** Unit of request and of verification. BitTorrent uses 16 KiB, WebTorrent at most 128, Syncthing at least 128. */
export const CHUNK_BYTES = 64 * KIB;
/** Chunks that one group hash covers: 4 MiB, so the manifest of 4 GiB is 32 KB. */
export const GROUP_CHUNKS = 64;
/** Largest adapter. Real ones are 10 MB to 2 GB. */
export const MAX_PACKAGE_BYTES = 4 * GIB;
/** Config and card are read whole and shown, so they stay small. */
export const MAX_TEXT_BYTES = 64 * KIB;
/** Weights, config and card. */
export const MAX_FILES = 3;
/** 1,024 group hashes of 4 GiB, and room for the three headers. libtorrent takes 30 MB of metadata, WebTorrent 10 MB. */
export const MAX_MANIFEST_BYTES = 40_000;
/** A release is read from every peer for every adapter, so it stays small. */
export const MAX_RELEASE_BYTES = 8 * KIB;
/** Characters on either side of the slash of `author/name`, which have to fit into a name in Ollama. */
export const MAX_NAME_PART_LENGTH = 64;
export const MAX_TAGS = 10;
export const MAX_TAG_LENGTH = 32;

// Fetching and giving

/** A frame of chunks is 1 MiB. Larger ones are no faster (measured), and control messages wait behind each. */
export const MAX_FRAME_CHUNKS = 16;
export const MAX_FRAME_BYTES = MAX_FRAME_CHUNKS * CHUNK_BYTES;
/** Beside its payload a frame has a handle, a chunk number and a length. */
export const DATA_HEADER_BYTES = 64;
/** One group: a request never needs the hashes of two. */
export const MAX_REQUEST_CHUNKS = GROUP_CHUNKS;
/** Requests in flight to one source, and of a download. Hypercore has 16 to 512 blocks; ours are of several chunks each. */
export const MAX_SOURCE_REQUESTS = 64;
export const MAX_DOWNLOAD_REQUESTS = 256;
/** More sources than this bring nothing but messages. */
export const MAX_DOWNLOAD_SOURCES = 8;
/** More downloads at once only share the same connections, and each would be there later. */
export const MAX_RUNNING_DOWNLOADS = 4;
/** A chunk that does not come by then is asked of others. libtorrent waits 20 s, WebTorrent 30 s, Syncthing 300 s. */
export const CHUNK_DEADLINE_MS = 10 * SECOND_MS;
/** Below this a source costs more than it gives, when others give more. */
export const SOURCE_FLOOR_BYTES_PER_SECOND = 8 * KIB;
/** Requests of a peer that wait, and the same number of questions for manifest and hashes. */
export const MAX_QUEUED_OF_PEER = 64;
/** Requests of all peers that wait. libtorrent keeps 2,000 of 16 KiB, Syncthing 32 MiB a device. */
export const MAX_QUEUED_OF_ALL = 256;
/** Frames in memory for one peer, 2 MiB: one that the connection takes, and the next one. libtorrent keeps 500 KiB. */
export const MAX_UNSENT_FRAMES = 2;
/** Read or sent, and not yet taken by the connections, of all peers. */
export const MAX_UNSENT_BYTES = 32 * MIB;
/** When that is full, who has taken nothing for this long makes room. */
export const STALLED_FRAME_MS = 15 * SECOND_MS;
/** Small answers that wait because the peer does not read. */
export const MAX_UNREAD_ANSWERS_BYTES = MIB;
/** Downloads that one peer may have from us at once. The engine itself runs four. */
export const MAX_UPLOAD_HANDLES = 16;
/** Libtorrent's number. More at once would give each of them less, and nobody would be done sooner. */
export const UPLOAD_SLOTS = 8;

// The disk

/** An entry of the journal is begun after this much was written… */
export const JOURNAL_BYTES = 4 * MIB;
/** …or this long after the first byte of it, … */
export const JOURNAL_MS = 2 * SECOND_MS;
/** …and writing waits for the disk when this much is not safe: 256 chunks, the most that a power cut may cost. At that rate syncing costs 14 % (measured). */
export const MAX_UNSYNCED_BYTES = 16 * MIB;
/** Left free for everybody else: 1 GiB, or 1 % of a disk that is smaller than 100 GiB. Syncthing leaves 1 %. */
export const DISK_RESERVE_BYTES = GIB;
export const DISK_RESERVE_SHARE = 0.01;

// Files of strangers

/** A sixth of what the reference reader takes, and still 200,000 tensors. */
export const MAX_SAFETENSORS_HEADER_BYTES = 16 * MIB;
export const MAX_SAFETENSORS_TENSORS = 200_000;
export const MAX_SAFETENSORS_NAME_LENGTH = 512;
/** In general; a matrix of a LoRA has two. */
export const MAX_SAFETENSORS_DIMENSIONS = 8;
/** Trainers keep their whole configuration in one metadata value. */
export const MAX_SAFETENSORS_STRING_LENGTH = MIB;
/** ggml looks for doubles in time with the square of it. */
export const MAX_GGUF_KEY_VALUES = 4_096;
export const MAX_GGUF_TENSORS = 65_536;
export const MAX_GGUF_KEY_BYTES = KIB;
/** ggml reads texts and lists of up to 2^30. */
export const MAX_GGUF_STRING_BYTES = MIB;
export const MAX_GGUF_ARRAY_LENGTH = 2 ** 20;
/** The largest vocabularies with their merges make headers of about 15 MiB. */
export const MAX_GGUF_HEADER_BYTES = 64 * MIB;
/** ggml keeps names in 64 bytes, the last of them zero. */
export const MAX_GGUF_NAME_BYTES = 63;
export const MAX_GGUF_DIMENSIONS = 4;
/** A power of two between these; ggml has no upper bound. */
export const MIN_GGUF_ALIGNMENT = 8;
export const MAX_GGUF_ALIGNMENT = 65_536;
/** Of `adapter_config.json`. */
export const MAX_CONFIG_BYTES = 64 * KIB;
/** PEFT nests 3 deep and lists every module of a large model by name. */
export const CONFIG_JSON = { depth: 8, members: 2_048, string: 4_096 } as const;

// Rooms, and what is shown

/** 128 bits: mean time to guess at 10^10 tries a second is 5·10^20 years. */
export const ROOM_SECRET_BYTES = 16;
/** 26 characters hold 130 bits: the secret and 2 zero bits. */
export const ROOM_CODE_LENGTH = 26;
/** Two characters of a hash: 1,023 of 1,024 mistyped codes are named as such instead of joining an empty room. */
export const ROOM_CODE_CHECK_LENGTH = 2;
/** A link that a web page may have opened. */
export const MAX_LINK_LENGTH = 512;
/** Longest text of a peer on one line of the screen or the log. Names are limited to 80 code points on the wire. */
export const MAX_PLAIN_LINE = 80;
/** An entry of the log, made plain. A stack with its causes is shorter. */
export const MAX_LOG_ENTRY = 16 * KIB;

// Other programs

/** A wish of a shell. A page of 200 adapters with long texts is under 1 MiB and a full state under 2. */
export const MAX_WISH_BYTES = 8 * MIB;
/** Older ones can be made to read memory through a crafted GGUF (CVE-2026-7482): nothing from a peer goes there. */
export const OLDEST_OLLAMA = '0.17.1';
/** Older ones can be made to write outside their folder by a registry (CVE-2026-103663). Ours is on this machine. */
export const SAFE_PULL_OLLAMA = '0.35.0';
