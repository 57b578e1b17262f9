// The digests against published test vectors, whatever pieces the bytes come in.

import Checksum
import Testing

@Suite struct ChecksumTests {
  /// From FIPS 180-4's examples (NIST, "Cryptographic Standards and Guidelines: Example Values").
  private static let vectors: [(text: String, algorithm: Checksum.Algorithm, digest: String)] = [
    ("", .sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", .sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", .sha256,
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      String(repeating: "a", count: 1_000_000), .sha256,
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    ),
    ("", .sha1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ("abc", .sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", .sha1,
      "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
    ),
    (String(repeating: "a", count: 1_000_000), .sha1, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
  ]

  @Test("digests of the standard's examples", arguments: vectors.indices)
  func matchesTheStandard(index: Int) {
    let (text, algorithm, digest) = Self.vectors[index]
    let bytes = Array(text.utf8)
    #expect(hexadecimal(Checksum.of(bytes, algorithm)) == digest)
    for piece in [1, 63, 64, 65, 4096] where bytes.count < 100 || piece > 63 {
      let checksum = Checksum(algorithm)
      bytes.withUnsafeBytes { all in
        for start in stride(from: 0, to: all.count, by: piece) {
          checksum.update(UnsafeRawBufferPointer(rebasing: all[start..<min(start + piece, all.count)]))
        }
      }
      #expect(hexadecimal(checksum.finish()) == digest, "in pieces of \(piece) bytes")
    }
  }

  @Test("many digests at once")
  func countsSideBySide() async {
    let digests = await withTaskGroup { group in
      for _ in 0..<200 { group.addTask { Checksum.of(Array("abc".utf8)) } }
      return await group.reduce(into: Set()) { $0.insert($1) }
    }
    #expect(digests == [Checksum.of(Array("abc".utf8))])
  }

  private func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
