"""The figures that the simulation stands on, each with where it comes from.

Those of the code are compared with the code by sim_test.py, those of benchmarks with docs/benchmarks.md.
"""

# What plugin, daemon and DDS core keep to; seconds, unless the name says otherwise.
WAIT_IN_A_CALL = 0.5  # plugin_shim/core/wait_budget.h: kInACall
WAIT_IN_A_WINDOW = 2.5  # ... kInAWindow
WAIT_WINDOW = 5.0  # ... kWindow
LEAST_WAIT = 0.05  # plugin_shim/core/handshake.cc: kLeastWait
WAIT_MARGIN = 0.1  # ... kMargin
DEPOSIT_INTEREST = 5.0  # daemon/custodian/deposit_box.h: interest
DEPOSIT_KEEP = 30.0  # ... keep
QUEUE_CAPACITY = 1024  # daemon/backend/fair_queue.h: capacity
QUEUE_REPLY_CAPACITY = 768  # ... reply_capacity
QUEUE_CAPACITY_PER_ID = 64  # ... capacity_per_id
REPLY_BURST = 4  # ... reply_burst: of one peer's certificate
REPLIES_PER_SECOND = 2.0  # ... replies_per_second
HANDSHAKES_PER_SECOND = 50.0  # daemon/rpc/limits.h: handshakes_per_second, of one process
HANDSHAKE_BURST = 400  # ... handshake_burst

# Cyclone DDS 0.10: a plugin that answered "pending", and a message that nobody answered, have their next turn after a
# second; a handshake is abandoned after 100 s (measured).
RETRY_INTERVAL = 1.0
HANDSHAKE_LIMIT = 100.0

# What a pair costs the machine besides the device, in seconds of processor time: four steps in plugin and daemon (docs/benchmarks.md), and
# what DDS itself does for a pair, which grows with the participants on the machine. FACTOR and POWER are fitted to two
# rows of docs/benchmarks.md, 20 and 50 participants with software keys; nothing else is.
STEPS_OF_A_PAIR = 0.0019
DDS_FACTOR = 0.000091
DDS_POWER = 1.555
# From the start of a process until it is heard, with nothing else going on.
START_OF_A_PARTICIPANT = 0.1
# One way, with the time that the receiver takes to look.
LOCAL_MESSAGE = 0.0005
NETWORK_MESSAGE = 0.005
# Until one who has started is known to another who runs: announcement, answer, and what a radio network makes of it.
LOCAL_DISCOVERY = (0.005, 0.03)
NETWORK_DISCOVERY = (0.02, 0.2)

# Seconds a signature, with the key's loading, one after the other. Chips make 10 to 50 a second; the rest is from
# docs/benchmarks.md. Through tpm2-abrmd a signature takes half a millisecond more: nothing to a chip.
DEVICES = {
    "tpm-slow": 0.1,
    "tpm": 0.05,
    "tpm-fast": 0.02,
    "tpm-abrmd": 0.0505,
    "swtpm": 1 / 2393,
    "swtpm-abrmd": 1 / 1020,
    "software": 1 / 45000,
}
# Replies are rationed for devices, not for keys in software (daemon/open_backend.cc).
NOT_RATIONED = {"software"}
# Signatures of a chip take more or less the same time: this much up or down.
DEVICE_SPREAD = 0.05
