using System.Buffers.Binary;
using System.Text;

namespace Sleb.Torch.Natives;

/// <summary>
/// Makes a 64-bit little-endian ELF library that was linked with GCC 13 load with an older libstdc++: GCC 13 moved the start-up of
/// the iostreams into the library as <c>std::ios_base_library_init()</c>; before, every object called the constructor of
/// <c>std::ios_base::Init</c>, which does the same and is still there.
/// </summary>
internal static class ElfPatch
{
    public const string NewVersion = "GLIBCXX_3.4.32";

    private const string OldVersion = "GLIBCXX_3.4", NewSymbol = "_ZSt21ios_base_library_initv", OldSymbol = "_ZNSt8ios_base4InitC1Ev";
    private const uint StringTable = 3, VersionNeeds = 0x6ffffffe;

    /// <summary>Renames the symbol in .dynstr and points its version need at the older version.</summary>
    public static void Apply(byte[] image)
    {
        var strings = Section(image, StringTable, ".dynstr");
        var needs = Section(image, VersionNeeds, ".gnu.version_r");
        int symbol = IndexOf(image, strings, NewSymbol);
        int newVersion = IndexOf(image, strings, NewVersion) - strings.Offset, oldVersion = IndexOf(image, strings, OldVersion) - strings.Offset;
        image.AsSpan(symbol, NewSymbol.Length).Clear();
        Encoding.ASCII.GetBytes(OldSymbol, image.AsSpan(symbol));

        // Verneed { u16 version, count; u32 file, aux, next } each with a chain of Vernaux { u32 hash; u16 flags, other; u32 name, next }.
        for (int need = needs.Offset, next; ; need += next)
        {
            int count = U16(image, need + 2);
            for (int aux = need + (int)U32(image, need + 8); count-- > 0; aux += (int)U32(image, aux + 12))
                if (U32(image, aux + 8) == newVersion)
                {
                    BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(aux), Hash(OldVersion));
                    BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(aux + 8), (uint)oldVersion);
                    return;
                }
            next = (int)U32(image, need + 12);
            if (next == 0) throw new BadImageFormatException($"The library needs no {NewVersion}.");
        }
    }

    private static (int Offset, int Size) Section(byte[] image, uint type, string name)
    {
        int headers = (int)U64(image, 0x28), size = U16(image, 0x3A), count = U16(image, 0x3C);
        int names = (int)U64(image, headers + U16(image, 0x3E) * size + 0x18);
        for (int i = 0, header = headers; i < count; i++, header += size)
            if (U32(image, header + 4) == type && At(image, names + (int)U32(image, header), name))
                return ((int)U64(image, header + 0x18), (int)U64(image, header + 0x20));
        throw new BadImageFormatException($"The library has no section {name}.");
    }

    private static int IndexOf(byte[] image, (int Offset, int Size) section, string text)
    {
        int at = image.AsSpan(section.Offset, section.Size).IndexOf(Encoding.ASCII.GetBytes("\0" + text + "\0"));
        return at >= 0 ? section.Offset + at + 1 : throw new BadImageFormatException($"The library does not name {text}.");
    }

    private static bool At(byte[] image, int offset, string text) => image.AsSpan(offset).StartsWith(Encoding.ASCII.GetBytes(text + "\0"));

    /// <summary>The System V ABI's hash of a symbol or version name.</summary>
    private static uint Hash(string name)
    {
        uint hash = 0;
        foreach (char c in name)
        {
            hash = (hash << 4) + c;
            uint high = hash & 0xf0000000;
            hash = (hash ^ high >> 24) & ~high;
        }
        return hash;
    }

    private static ushort U16(byte[] image, int at) => BinaryPrimitives.ReadUInt16LittleEndian(image.AsSpan(at));

    private static uint U32(byte[] image, int at) => BinaryPrimitives.ReadUInt32LittleEndian(image.AsSpan(at));

    private static ulong U64(byte[] image, int at) => BinaryPrimitives.ReadUInt64LittleEndian(image.AsSpan(at));
}
