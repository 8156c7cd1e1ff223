/**
 * What serve and control say to the keeper, in frames (PROTOCOL.md §1) over a unix socket: private to the vault.
 * Requests of the agent whose answer is the keeper's (all but the sending and getting of segments) keep their numbers and
 * payloads and are passed on; the keeper checks them as if nobody had. One answer to each request: what PROTOCOL.md §2
 * says, F_OKAY where it says none, or F_ERROR. F_ERROR without a request: the keeper ends the session.
 *
 *   K_BIND     u8 mode (enum bind_mode), str host, str system (BIND_LOCAL only) → F_OKAY. First, and once, whatever the
 *              answer; serve says it before it reads a byte of what the agent sends
 *   F_BEGIN    → F_BEGUN: system id, host id, generation, u32 first pack, then the payload of BEGUN
 *   K_SPOOL    u8 kind: a file to write a pack into, at most two of a kind at a time → F_OKAY; K_TAKE passes it
 *   K_PLACE    u32 pack, u8 kind: check the oldest spool file of this kind, make it durable as this pack, forget the file
 *              → the payload of PACK_DONE
 *   K_OPEN     generation, u32 pack → F_OKAY; K_TAKE passes it
 *   K_TAKE     – → one byte outside of frames with the descriptor (SCM_RIGHTS): asked for apart, so that no read-ahead of
 *              the frame reader can swallow it
 *   F_PING     – → F_PONG: the session lives; without a word for half an hour the keeper gives it up
 *   K_CONTROL  a JSON request of PROTOCOL.md §5 → K_CONTROL, the JSON answer in pieces of 1 MiB, the last one
 *              shorter; on the control socket only
 */
#ifndef VAULT_KEEPER_PROTO_H
#define VAULT_KEEPER_PROTO_H

enum keeper_type { K_BIND = 0x20, K_PLACE = 0x21, K_OPEN = 0x22, K_TAKE = 0x23, K_CONTROL = 0x24, K_SPOOL = 0x25 };
enum bind_mode { BIND_HOST = 1, BIND_TOKEN = 2, BIND_LOCAL = 3, BIND_SOURCE = 4 /* never said: what F_SOURCE makes of a host */ };

#define SERVE_SOCKET "run/serve.sock"
#define CONTROL_SOCKET "run/control.sock"
#define ZAIBEID_SOCKET "run/zaibeid.sock"

#endif
