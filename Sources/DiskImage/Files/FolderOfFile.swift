// Where a file is, by its path's text alone.

/// The folder that a file is in; the root's for a path without one.
package func folder(of path: String) -> String {
  guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash != path.utf8.startIndex else { return "/" }
  return String(path[..<slash])
}
