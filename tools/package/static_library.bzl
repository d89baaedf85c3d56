"""static_library: what is linked from this repository for some libraries, in one archive, for programs built elsewhere."""

def _static_library_impl(ctx):
    objects = []
    for library in ctx.attr.libraries:
        for entry in library[CcInfo].linking_context.linker_inputs.to_list():
            # Of another repository are libraries of the system, which bring nothing but linker options.
            for linked in entry.libraries:
                # Position-independent, so that the archive may become part of a shared library.
                objects += linked.pic_objects
    objects = depset(objects).to_list()
    if not objects:
        fail("nothing of %s is built to be position-independent" % ctx.label)
    names = [object.basename for object in objects]
    if len(depset(names).to_list()) != len(names):
        fail("two objects of %s have one name: %s" % (ctx.label, names))
    output = ctx.actions.declare_file(ctx.attr.archive)
    ctx.actions.run(
        executable = "/usr/bin/ar",
        arguments = ["rcsD", output.path] + [object.path for object in objects],
        inputs = objects,
        outputs = [output],
        mnemonic = "StaticLibrary",
    )
    return [DefaultInfo(files = depset([output]))]

static_library = rule(
    implementation = _static_library_impl,
    attrs = {
        "archive": attr.string(mandatory = True),
        "libraries": attr.label_list(providers = [CcInfo], mandatory = True),
    },
)
