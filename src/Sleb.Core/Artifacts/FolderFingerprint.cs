using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Sleb.Core.Checkpoints;

namespace Sleb.Core.Artifacts;

/// <summary>What makes an ONNX Runtime GenAI folder this model and no other: SHA-256 over its ONNX files with their data, genai_config.json and tokenizer.json.</summary>
internal static class FolderFingerprint
{
    private static readonly string[] Configurations = ["genai_config.json", "tokenizer.json"];

    // Hashing gigabytes takes seconds: a folder whose files have not been touched is not read again by this process.
    private static readonly ConcurrentDictionary<string, (string Stamp, string Fingerprint)> Known = new(StringComparer.Ordinal);

    /// <summary>The fingerprint in lower-case hex.</summary>
    /// <exception cref="CheckpointException">The folder is missing or holds no genai_config.json.</exception>
    public static string Compute(string folder)
    {
        folder = Path.GetFullPath(folder);
        if (!Directory.Exists(folder)) throw new CheckpointException($"The model folder {folder} does not exist.");
        if (!File.Exists(Path.Combine(folder, Configurations[0])))
            throw new CheckpointException($"{folder} holds no {Configurations[0]}; give an ONNX Runtime GenAI folder, such as 'sleb export' writes.");
        FileInfo[] files = [.. new DirectoryInfo(folder).EnumerateFiles().Where(IsPart).OrderBy(file => file.Name, StringComparer.Ordinal)];
        string stamp = string.Join('|', files.Select(file => $"{file.Name}:{file.Length}:{file.LastWriteTimeUtc.Ticks}"));
        if (Known.TryGetValue(folder, out var known) && known.Stamp == stamp) return known.Fingerprint;
        string fingerprint = Hash(files);
        Known[folder] = (stamp, fingerprint);
        return fingerprint;
    }

    // External data is called model.onnx.data, model.onnx_data, model.data, …
    private static bool IsPart(FileInfo file) =>
        file.Name.Contains(".onnx", StringComparison.Ordinal) || file.Name.EndsWith(".data", StringComparison.Ordinal) || Configurations.Contains(file.Name);

    private static string Hash(FileInfo[] files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[4 << 20];
        foreach (var file in files)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(file.Name));
            hash.AppendData(MemoryMarshal.AsBytes<long>([file.Length]));
            using var stream = file.OpenRead();
            for (int read; (read = stream.Read(buffer)) > 0;) hash.AppendData(buffer, 0, read);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
