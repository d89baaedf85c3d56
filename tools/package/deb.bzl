"""deb_package: Debian packages from Debian's own dpkg-deb.

@bazel_tools//tools/build_defs/pkg does not work with Debian's bazel-bootstrap (its six.py is not shipped).
"""

DebInfo = provider(fields = {"links": "What the bill of materials needs to know about the package."})

def _entries(files, substitute = False):
    found = []
    for target, place in files.items():
        mode, path = place.split(" ")
        sources = target[DefaultInfo].files.to_list()
        if len(sources) > 1 and not path.endswith("/"):
            fail("%s makes %d files: %s must end in /" % (target.label, len(sources), path))
        for source in sources:
            found.append(struct(source = source.path, mode = mode, path = path, substitute = substitute))
    return found

def _folder_entries(folders):
    # Files below a folder of the tree keep their place in it.
    found = []
    for target, place in folders.items():
        mode, prefix, path = place.split(" ")
        for source in target[DefaultInfo].files.to_list():
            if not source.short_path.startswith(prefix):
                fail("%s is not below %s" % (source.short_path, prefix))
            found.append(struct(source = source.path, mode = mode, path = path + source.short_path[len(prefix):], substitute = False))
    return found

def _deb_package_impl(ctx):
    package = ctx.label.name
    output = ctx.actions.declare_file(package + ".deb")
    links = ctx.actions.declare_file(package + ".links.json")
    manifest = ctx.actions.declare_file(package + ".manifest.json")
    ctx.actions.write(manifest, struct(
        package = package,
        revision = ctx.var.get("PACKAGE_REVISION", "1"),
        section = ctx.attr.section,
        multi_arch = ctx.attr.multi_arch,
        maintainer = "The ddskeyd developers <maintainers@ddskeyd.example.org>",
        summary = ctx.attr.summary,
        description = ctx.attr.description,
        relations = ctx.attr.relations,
        files = _entries(ctx.attr.files) + _entries(ctx.attr.texts, substitute = True) + _folder_entries(ctx.attr.folders),
        links = ctx.attr.symlinks,
        scripts = {name: target.files.to_list()[0].path for target, name in ctx.attr.scripts.items()},
    ).to_json())
    sources = ctx.files.files + ctx.files.texts + ctx.files.folders + ctx.files.scripts
    ctx.actions.run(
        executable = ctx.executable._tool,
        inputs = sources + [manifest, ctx.file._version, ctx.file._system],
        outputs = [output, links],
        mnemonic = "Deb",
        progress_message = "Packing " + output.short_path,
        arguments = [
            "--manifest=" + manifest.path,
            "--version-header=" + ctx.file._version.path,
            "--output=" + output.path,
            "--links=" + links.path,
        ],
        use_default_shell_env = True,
    )
    return [
        DefaultInfo(files = depset([output]), runfiles = ctx.runfiles(files = [output])),
        DebInfo(links = links),
    ]

deb_package = rule(
    doc = "The package of the target's name, NAME.deb; tools/package/build_deb.py says what follows by itself.",
    implementation = _deb_package_impl,
    attrs = {
        "description": attr.string(mandatory = True, doc = "The long description; an empty line begins a paragraph."),
        "files": attr.label_keyed_string_dict(allow_files = True, doc = "Label: MODE PATH; a path ending in / takes the basename."),
        "folders": attr.label_keyed_string_dict(allow_files = True, doc = "Label: MODE PREFIX PATH; PREFIX of the file's path is replaced by PATH."),
        "multi_arch": attr.string(),
        "relations": attr.string_list_dict(doc = "Relations to packages, besides those that shared libraries make."),
        "scripts": attr.label_keyed_string_dict(allow_files = True, doc = "Label: postinst, prerm, postrm, templates."),
        "section": attr.string(mandatory = True),
        "summary": attr.string(mandatory = True),
        "symlinks": attr.string_dict(doc = "Path: what it points to."),
        "texts": attr.label_keyed_string_dict(allow_files = True, doc = "As files, with {version}, {date}, {package} and {triplet} replaced."),
        "_system": attr.label(default = "@debian//:status", allow_single_file = True),
        "_tool": attr.label(default = "//tools/package:build_deb", executable = True, cfg = "host"),
        "_version": attr.label(default = "//proto/contract:version.h", allow_single_file = True),
    },
)

def _bill_of_materials_impl(ctx):
    output = ctx.actions.declare_file(ctx.label.name)
    links = [package[DebInfo].links for package in ctx.attr.packages]
    ctx.actions.run(
        executable = ctx.executable._tool,
        inputs = links + [ctx.file.built_with, ctx.file._system],
        outputs = [output],
        mnemonic = "BillOfMaterials",
        arguments = [
            "--output=" + output.path,
            "--packages=" + ctx.file.built_with.path,
        ] + [file.path for file in links],
        use_default_shell_env = True,
    )
    return [DefaultInfo(files = depset([output]), runfiles = ctx.runfiles(files = [output]))]

bill_of_materials = rule(
    doc = "What the packages are made of, in SPDX; tools/package/spdx.py says more.",
    implementation = _bill_of_materials_impl,
    attrs = {
        "built_with": attr.label(allow_single_file = True, mandatory = True),
        "packages": attr.label_list(mandatory = True, providers = [DebInfo]),
        "_system": attr.label(default = "@debian//:status", allow_single_file = True),
        "_tool": attr.label(default = "//tools/package:spdx", executable = True, cfg = "host"),
    },
)
