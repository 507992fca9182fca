# Commands of this repository: `just` lists them. Each is one line that can be typed without just.

# The system's OpenSSL where there is one, for every command alike.
export OPENSSL_NO_VENDOR := `pkg-config --exists openssl && echo 1 || echo 0`

# Lists the commands.
default:
    @just --list

# The binary, as it ships: target/release/hansho.
build:
    cargo build --release --locked

# The binary with line tables, for a profiler: target/profiling/hansho.
build-profiling:
    cargo build --profile profiling --locked

# Alerts in the terminal, from traffic with an attack in it.
demo *args:
    cargo run --release --locked -- demo {{ args }}

# Format and lints, as CI has them.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Every test of a plain clone, or those whose names contain a word.
test *filter:
    cargo test --workspace --locked {{ filter }}

# The scenarios that need a real Kafka and the programs of others; they fail without them.
test-kafka:
    CI=true cargo test --workspace --locked --test kafka --test peers -- --include-ignored

# The tests against real logs, in a folder with openssh/, nab/ and otlp/.
test-real-logs folder:
    HANSHO_DATA={{ absolute_path(folder) }} cargo test -p connectors -p hansho --locked --lib --test real_input --test otlp -- --ignored

# The conformance cases, in process.
conformance:
    cargo test -p tests --locked --test conformance

# The conformance cases against the binary.
conformance-binary: build
    python3 tests/conformance/run.py target/release/hansho

# So many runs of the simulator.
seeds count="2000":
    HANSHO_SEEDS={{ count }} cargo test -p tests --locked --test simulation -- --nocapture

# One run of the simulator again.
seed number:
    HANSHO_SEED={{ number }} cargo test -p tests --locked --test simulation -- --nocapture

# Changes of the node that the simulator must find; some ten minutes.
mutants *names:
    python3 tests/mutants/run.py {{ names }}

# Engine against the naive interpreter.
oracle:
    cargo test -p tests --locked --test engine_against_oracle -- --nocapture

# Every budget and arrow of the tree.
tidy:
    cargo test -p tests --locked --test tidy

# Criterion benches.
bench *filter:
    cargo bench -p benches --locked -- {{ filter }}

# The files that tests compare with, written anew: read the difference before you commit it.
golden:
    UPDATE_GOLDEN=1 cargo test -p rules-dsl -p hansho --locked --bins --test golden --test newcomer --test on_call

# Bans, licences and sources of dependencies; needs cargo-deny.
deny:
    cargo deny --locked check bans licenses sources

# All that must hold before a change is taken in: 40 minutes on two cores.
ci:
    .ci/run
