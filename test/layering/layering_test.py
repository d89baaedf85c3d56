"""The checker must notice planted violations."""

import os
import tempfile
import unittest

from test.layering import layering


class LayeringTest(unittest.TestCase):
    def refuses(self, path, header):
        self.assertIsNotNone(layering.check_include(path, header), "%s includes %s" % (path, header))

    def allows(self, path, header):
        self.assertIsNone(layering.check_include(path, header), "%s includes %s" % (path, header))

    def test_only_the_tpm_backend_sees_the_tpm(self):
        self.allows("daemon/backend/tpm2/sign.cc", "tss2/tss2_esys.h")
        self.allows("test/bench/esapi.cc", "tss2/tss2_esys.h")
        for path in ["daemon/backend/x.cc", "daemon/main.cc", "daemon/backend/software/x.cc", "client/cli/main.cc"]:
            self.refuses(path, "tss2/tss2_esys.h")

    def test_daemon_and_shim_never_meet(self):
        self.refuses("plugin_shim/core/x.cc", "daemon/custodian/custodian.h")
        self.refuses("plugin_shim/cyclonedds/x.cc", "daemon/trust/certificate.h")
        self.refuses("daemon/main.cc", "plugin_shim/core/x.h")
        self.refuses("client/channel.cc", "daemon/rpc/listener.h")

    def test_rpc_never_sees_a_backend(self):
        self.refuses("daemon/rpc/admin_handler.cc", "daemon/backend/key_backend.h")
        self.allows("daemon/rpc/admin_handler.cc", "daemon/custodian/custodian.h")
        self.allows("daemon/rpc/admin_handler.cc", "ddskey/v1/admin.grpc.pb.h")

    def test_a_backend_never_sees_policy(self):
        self.refuses("daemon/backend/device_queue.h", "policy/policy.h")
        self.refuses("daemon/backend/tpm2/tpm_backend.cc", "policy/policy.h")
        self.refuses("daemon/backend/tpm2/tpm_backend.cc", "daemon/backend/software/software_backend.h")

    def test_the_custodian_sees_interfaces_only(self):
        self.allows("daemon/custodian/custodian.cc", "daemon/backend/key_backend.h")
        self.refuses("daemon/custodian/custodian.cc", "daemon/backend/tpm2/tpm_backend.h")
        self.refuses("daemon/custodian/custodian.cc", "daemon/rpc/listener.h")

    def test_policy_sees_nothing_but_its_proto(self):
        self.allows("policy/policy.cc", "ddskey/v1/policy.pb.h")
        self.refuses("policy/policy.cc", "ddskey/v1/admin.pb.h")
        self.refuses("policy/policy.cc", "daemon/keystore/key_store.h")
        self.refuses("policy/policy.cc", "spdlog/spdlog.h")

    def test_what_enters_strangers_processes_stays_thin(self):
        for header in ["absl/status/status.h", "spdlog/spdlog.h", "grpcpp/grpcpp.h"]:
            for path in ["plugin_shim/core/x.cc", "plugin_shim/cyclonedds/x.cc", "plugin_shim/pkcs11/x.cc",
                         "client/channel.cc"]:
                self.refuses(path, header)
        self.allows("client/channel.cc", "nghttp2/nghttp2.h")
        self.allows("client/admin_client.h", "absl/status/statusor.h")
        self.refuses("plugin_shim/cyclonedds/x.cc", "ddskey/v1/admin.pb.h")

    def test_tests_beside_the_code_may_use_test_support(self):
        self.allows("policy/policy_test.cc", "test/support/status_matchers.h")
        self.refuses("policy/policy.cc", "test/support/status_matchers.h")
        self.refuses("policy/policy_test.cc", "daemon/rpc/listener.h")
        self.allows("daemon/backend/tpm2/tpm_fixture.h", "test/support/swtpm.h")
        self.refuses("daemon/backend/tpm2/tpm_fixture.h", "policy/policy.h")

    def test_a_folder_outside_the_table_is_noticed(self):
        self.refuses("plugin_shim/elsewhere/x.cc", "client/channel.h")
        self.refuses("daemon/elsewhere/x.cc", "daemon/keystore/key_store.h")

    def test_include_paths_start_at_the_root(self):
        self.refuses("policy/policy.cc", "../policy/policy.h")
        self.assertEqual(len(layering.check_source("policy/policy.cc", "#include <policy/policy.h>\n")), 1)

    def test_guards_match_paths(self):
        good = "#ifndef POLICY_A_B_H_\n#define POLICY_A_B_H_\n\n#endif  // POLICY_A_B_H_\n"
        self.assertEqual(layering.check_source("policy/a_b.h", good), [])
        self.assertEqual(len(layering.check_source("policy/other.h", good)), 2)
        self.assertEqual(len(layering.check_source("policy/a_b.h", good.replace("#define POLICY", "#define X"))), 1)
        self.assertEqual(len(layering.check_source("policy/a_b.h", "#pragma once\n")), 2)

    def test_reads_a_tree(self):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "policy"))
            self.assertEqual(layering.main([root]), 1)  # Nothing there.
            with open(os.path.join(root, "policy/x.cc"), "w", encoding="utf-8") as out:
                out.write("#include <vector>\n")
            self.assertIn("no target", layering.check_tree(root)[0][0])
            with open(os.path.join(root, "policy/BUILD.bazel"), "w", encoding="utf-8") as out:
                out.write('cc_library(name = "y", srcs = ["x.cc"])\n')
            self.assertEqual(layering.main([root]), 0)
            with open(os.path.join(root, "policy/x.cc"), "a", encoding="utf-8") as out:
                out.write('#include "daemon/rpc/listener.h"\n')
            lines, count = layering.check_tree(root)
            self.assertEqual((len(lines), count), (1, 1))
            self.assertTrue(lines[0].startswith("policy/x.cc:2: "))


if __name__ == "__main__":
    unittest.main()
