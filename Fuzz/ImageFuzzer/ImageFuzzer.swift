// Hostile images for every way into the engine. Nothing may trap, hang or grow, and what was sound before a change is so after it.

@testable import DiskImage
import FuzzDriver
import Glibc

/// What the package manager links as the program's start.
@_cdecl("ImageFuzzer_main")
public func start(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  let words = (0..<Int(count)).compactMap { arguments[$0].map { String(cString: $0) } }
  switch words.dropFirst().first {
  case "--encode": return convert(words.dropFirst(2)) { SparseImage.input(for: $0, choice: $1) }
  case "--decode": return convert(words.dropFirst(2)) { input, _ in SparseImage(input)?.bytes ?? [] }
  default: return fuzz(subjects, count, arguments)
  }
}

private let subjects = [
  FuzzSubject("header", readHeader),
  FuzzSubject("recognise", recognise),
  FuzzSubject("read") { input in SparseImage(input).map { readImage($0.bytes) } },
  FuzzSubject("check") { input in SparseImage(input).map { checkImage($0.bytes) } },
  FuzzSubject("repair") { input in SparseImage(input).map { repairImage($0.bytes, $0.choice & 1 == 0 ? .all : .leaks) }
  },
  FuzzSubject("change") { input in SparseImage(input).map { changeImage($0.bytes, $0.choice) } },
  FuzzSubject("decompress", decompress),
]

/// `--encode IMAGE INPUT [CHOICE]` makes a seed of an image, and `--decode INPUT IMAGE` the image that an input stands for.
private func convert(_ words: ArraySlice<String>, _ body: ([UInt8], UInt8) -> [UInt8]) -> CInt {
  let words = Array(words)
  guard words.count >= 2, let bytes = try? LocalFile(path: words[0]).wholeContent,
    let output = fopen(words[1], "w")
  else {
    complain("usage: --encode IMAGE INPUT [CHOICE], or --decode INPUT IMAGE")
    return 2
  }
  let result = body(bytes, words.count > 2 ? UInt8(words[2]) ?? 0 : 0)
  fwrite(result, 1, result.count, output)
  return fclose(output) == 0 ? 0 : 1
}

extension LocalFile {
  fileprivate var wholeContent: [UInt8] {
    get throws(ImageError) { try read(at: 0, count: Int(min(length ?? 0, UInt64(SparseImage.longest)))) }
  }
}
