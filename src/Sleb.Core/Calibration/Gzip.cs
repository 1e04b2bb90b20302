using System.Buffers.Binary;
using System.IO.Compression;

namespace Sleb.Core.Calibration;

/// <summary>Unpacks a gzip file as a whole.</summary>
internal static class Gzip
{
    private static readonly uint[] _table = [.. Enumerable.Range(0, 256).Select(value =>
    {
        uint entry = (uint)value;
        for (int bit = 0; bit < 8; bit++) entry = (entry >> 1) ^ (0xEDB88320 & (0 - (entry & 1)));
        return entry;
    })];

    /// <exception cref="InvalidDataException">The file is damaged or cut off.</exception>
    public static byte[] Unpack(string path)
    {
        byte[] packed = File.ReadAllBytes(path);
        try
        {
            using var stream = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
            var unpacked = new MemoryStream();
            stream.CopyTo(unpacked);
            byte[] bytes = unpacked.ToArray();
            // GZipStream takes a file that is cut off for a whole one, so the trailer of the last member is checked here.
            if (packed.Length < 8) throw new InvalidDataException("No trailer.");
            uint checksum = BinaryPrimitives.ReadUInt32LittleEndian(packed.AsSpan(^8)), length = BinaryPrimitives.ReadUInt32LittleEndian(packed.AsSpan(^4));
            return length <= bytes.Length && Crc32(bytes.AsSpan(^(int)length..)) == checksum
                ? bytes
                : throw new InvalidDataException("The trailer does not fit.");
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidDataException($"{path} is not a whole gzip file. Pack it again, or give the file unpacked.", exception);
        }
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint checksum = uint.MaxValue;
        foreach (byte value in bytes) checksum = (checksum >> 8) ^ _table[(byte)(checksum ^ value)];
        return ~checksum;
    }
}
