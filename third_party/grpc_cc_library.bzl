"""C++ from protos with the system's protoc: messages, messages on the lite runtime, gRPC stubs."""

def _import_path(src, info):
    """The path by which other .proto files import src."""
    for prefix in [info.proto_source_root + "/", src.root.path + "/"]:
        if len(prefix) > 1 and prefix != "./" and src.path.startswith(prefix):
            return src.path[len(prefix):]
    return src.path

def _gen_impl(ctx):
    info = ctx.attr.proto[ProtoInfo]
    stem = ".grpc.pb" if ctx.attr.services else ".pb"
    hdrs, srcs = [], []
    for src in info.direct_sources:
        base = ctx.attr.out_dir + "/" + _import_path(src, info)[:-len(".proto")]
        hdrs.append(ctx.actions.declare_file(base + stem + ".h"))
        srcs.append(ctx.actions.declare_file(base + stem + ".cc"))

    out = "/".join([p for p in [
        ctx.bin_dir.path,
        ctx.label.workspace_root,
        ctx.label.package,
        ctx.attr.out_dir,
    ] if p])
    args = ctx.actions.args()
    if ctx.attr.services:
        args.add("--plugin=protoc-gen-grpc=" + ctx.executable._plugin.path)
        args.add("--grpc_out=" + out)
    else:
        args.add("--cpp_out=" + out)
    args.add_all(info.transitive_proto_path, format_each = "-I%s")
    args.add_all(info.direct_sources)
    ctx.actions.run(
        executable = ctx.executable._protoc,
        arguments = [args],
        inputs = info.transitive_sources,
        tools = [ctx.executable._plugin],
        outputs = hdrs + srcs,
        mnemonic = "ProtoCcGen",
        progress_message = "Generating C++ for " + str(ctx.label),
    )
    return [
        DefaultInfo(files = depset(hdrs + srcs)),
        OutputGroupInfo(hdrs = depset(hdrs), srcs = depset(srcs)),
    ]

_proto_cc_gen = rule(
    implementation = _gen_impl,
    attrs = {
        "out_dir": attr.string(mandatory = True),
        "proto": attr.label(mandatory = True, providers = [ProtoInfo]),
        "services": attr.bool(),
        "_plugin": attr.label(
            allow_single_file = True,
            cfg = "exec",
            default = "@com_google_protobuf//:bin/grpc_cpp_plugin",
            executable = True,
        ),
        "_protoc": attr.label(
            allow_single_file = True,
            cfg = "exec",
            default = "@com_google_protobuf//:bin/protoc",
            executable = True,
        ),
    },
    output_to_genfiles = False,
)

def _proto_cc_library(name, proto, services, runtime, deps, **kwargs):
    gen = name + "_gen"
    out_dir = "_cc/" + name
    _proto_cc_gen(
        name = gen,
        out_dir = out_dir,
        proto = proto,
        services = services,
    )
    for group in ["hdrs", "srcs"]:
        native.filegroup(
            name = "%s_%s" % (gen, group),
            srcs = [gen],
            output_group = group,
        )
    native.cc_library(
        name = name,
        srcs = [gen + "_srcs"],
        hdrs = [gen + "_hdrs"],
        copts = ["-w"],
        includes = [out_dir],  # -isystem: no warnings from generated headers
        deps = deps + runtime,
        **kwargs
    )

def cc_message_library(name, proto, deps = [], **kwargs):
    """A cc_library with the messages of one proto_library, on the full runtime."""
    _proto_cc_library(name, proto, False, ["@protobuf_lib"], deps, **kwargs)

def cc_lite_message_library(name, proto, deps = [], **kwargs):
    """A cc_library with the messages of one proto_library that asks for LITE_RUNTIME, linked with that alone."""
    _proto_cc_library(name, proto, False, ["@protobuf_lite_lib"], deps, **kwargs)

def cc_grpc_library(name, proto, messages, **kwargs):
    """A cc_library with the gRPC stubs of one proto_library.

    Args:
      name: the cc_library.
      proto: label of one proto_library.
      messages: the message library of the same proto.
      **kwargs: handed to cc_library (visibility, ...).
    """
    _proto_cc_library(name, proto, True, ["@grpcpp", "@protobuf_lib"], [messages], **kwargs)
