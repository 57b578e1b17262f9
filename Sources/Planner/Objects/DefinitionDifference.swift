// When two definitions of a domain are the same.

package import XMLTree

/// What differs between two definitions of a domain in meaning. The order of controllers is none: libvirt changes it
/// in the stored definition when it starts the domain (measured with libvirt 9.0).
package func definitionDifference(_ a: XMLElement, _ b: XMLElement) -> [XMLDifference] {
  difference(
    a, b, options: XMLDifferenceOptions(isUnordered: { _, path in path == "/domain/devices/controller" }))
}
