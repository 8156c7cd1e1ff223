/**
 * What serve and control say to the keeper, in frames (PROTOCOL.md §1) over a unix socket: private to the vault.
 * Requests of the agent whose answer is the keeper's (LIST, BEGIN, USED, COMMIT, ABANDON, INDEX, ENROL) keep their
 * numbers and payloads and are passed on; the keeper checks them as if nobody had. One answer to each request: what
 * PROTOCOL.md §2 says, F_OKAY where it says none, or F_ERROR.
 *
 *   K_BIND     u8 mode (enum bind_mode), str host, str system (BIND_LOCAL only), then the payload of HELLO
 *              → the payload of WELCOME. First, and once
 *   F_BEGIN    → F_BEGUN: system id, host id, generation, u32 first pack, then the payload of BEGUN
 *   K_PLACE    u32 pack, u8 kind: check what is in the spool, make it durable, remove it there
 *              → the payload of PACK_DONE
 *   K_OPEN     generation, u32 pack → F_OKAY; it must be followed by
 *   K_TAKE     – → one byte outside of frames with the descriptor of the pack (SCM_RIGHTS): asked for apart, so that
 *              no read-ahead of the frame reader can swallow it
 *   K_CONTROL  a JSON request of PROTOCOL.md §5 → K_CONTROL, the JSON answer in pieces of 1 MiB, the last one
 *              shorter; on the control socket only
 */
#ifndef VAULT_KEEPER_PROTO_H
#define VAULT_KEEPER_PROTO_H

enum keeper_type { K_BIND = 0x20, K_PLACE = 0x21, K_OPEN = 0x22, K_TAKE = 0x23, K_CONTROL = 0x24 };
enum bind_mode { BIND_HOST = 1, BIND_TOKEN = 2, BIND_LOCAL = 3 };

#define SERVE_SOCKET "run/serve.sock"
#define CONTROL_SOCKET "run/control.sock"
#define ZAIBEID_SOCKET "run/zaibeid.sock"
/* The spool file of a pack, below spool/HOST. */
#define SPOOL_NAME "%08x.pack"

#endif
