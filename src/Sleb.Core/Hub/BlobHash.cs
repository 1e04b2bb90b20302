using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Sleb.Core.Hub;

/// <summary>The hash that an ETag of the hub is, over bytes as they come: SHA-256 of a large file, the git blob id (SHA-1) of a small one.</summary>
internal sealed class BlobHash : IDisposable
{
    public const int Sha1Length = 40;
    public const int Sha256Length = 64;

    private readonly HubFile _file;
    private readonly IncrementalHash _hash;

    public BlobHash(HubFile file)
    {
        _file = file;
        _hash = IncrementalHash.CreateHash(file.ETag.Length == Sha256Length ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        Restart();
    }

    public void Append(ReadOnlySpan<byte> bytes) => _hash.AppendData(bytes);

    public void Restart()
    {
        _hash.TryGetHashAndReset(stackalloc byte[32], out _);
        // git hashes a header before the content; its length is the announced one, so a file of another length does not pass either.
        if (_file.ETag.Length == Sha1Length) _hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {_file.Bytes}\0")));
    }

    public bool Matches() => Convert.ToHexStringLower(_hash.GetHashAndReset()) == _file.ETag;

    public void Dispose() => _hash.Dispose();
}
