"""Fuzz targets: one source with LLVMFuzzerTestOneInput, run by libFuzzer and by an ordinary test."""

def fuzz_target(name, deps, mutations = 10000, tags = []):
    """Makes a target of NAME.cc and the folder corpus/NAME (without "_fuzz").

    NAME_test replays the corpus, tries a fixed series of mutations of it, and looks for the planted bug; gcc builds it
    as everything else. NAME_bin is the same source with libFuzzer, for --config=fuzz.

    Args:
      name: ends with "_fuzz".
      deps: what the source includes, besides the headers of this folder.
      mutations: how many are tried in the test.
      tags: of the test.
    """
    corpus = "corpus/" + name[:-len("_fuzz")]
    native.cc_library(
        name = name,
        testonly = True,
        srcs = [name + ".cc"],
        deps = deps + [
            ":fuzz_input",
            ":invariant",
        ],
        alwayslink = True,
    )
    native.cc_test(
        name = name + "_test",
        size = "small",
        data = native.glob([corpus + "/*"]),
        env = {
            "FUZZ_CORPUS": "test/fuzz/" + corpus,
            "FUZZ_MUTATIONS": str(mutations),
        },
        tags = tags,
        deps = [
            name,
            ":replay_test",
        ],
    )
    native.cc_binary(
        name = name + "_bin",
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = [name],
    )
