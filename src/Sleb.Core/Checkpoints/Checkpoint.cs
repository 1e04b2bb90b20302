using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Sleb.Core.Families;

namespace Sleb.Core.Checkpoints;

/// <summary>A Hugging Face model folder: config.json and its safetensors files, opened for reading tensor by tensor.</summary>
/// <remarks>Tensors are streamed with positioned reads, so no page of the file stays mapped into the process.</remarks>
internal sealed class Checkpoint : IDisposable
{
    private const string SingleFile = "model.safetensors";
    private const string IndexFile = "model.safetensors.index.json";

    private readonly Dictionary<string, TensorEntry> _tensors;
    private readonly Dictionary<string, SafeFileHandle> _handles = [];
    private readonly Lazy<string> _fingerprint;

    private Checkpoint(string folder, ModelConfig config, Dictionary<string, TensorEntry> tensors, IReadOnlyList<string> files)
    {
        Folder = folder;
        Config = config;
        _tensors = tensors;
        Files = files;
        _fingerprint = new(ComputeFingerprint);
    }

    public string Folder { get; }

    public ModelConfig Config { get; }

    public IReadOnlyDictionary<string, TensorEntry> Tensors => _tensors;

    /// <summary>The safetensors files, full paths in ordinal order.</summary>
    public IReadOnlyList<string> Files { get; }

    public long Bytes => _tensors.Values.Sum(t => t.Bytes);

    public long Parameters => _tensors.Values.Sum(t => t.Elements);

    /// <summary>SHA-256 (hex) over config.json and every weight file: what a plan or a trace belongs to.</summary>
    public string Fingerprint => _fingerprint.Value;

    /// <summary>Opens a folder and checks every header; no weight is read yet.</summary>
    /// <exception cref="CheckpointException">The folder or one of its files is missing, damaged or unsupported.</exception>
    public static Checkpoint Open(string folder)
    {
        folder = Path.GetFullPath(folder);
        if (!Directory.Exists(folder)) throw new CheckpointException($"The model folder {folder} does not exist; give a folder with config.json and model.safetensors.");
        var config = ModelConfig.Load(folder);
        var files = FindFiles(folder, out var weightMap);
        var tensors = new Dictionary<string, TensorEntry>(StringComparer.Ordinal);
        foreach (string file in files)
            foreach (var tensor in SafetensorsFile.ReadHeader(file))
                if (!tensors.TryAdd(tensor.Name, tensor))
                    throw new CheckpointException($"{file} holds tensor '{tensor.Name}', which {tensors[tensor.Name].File} holds too.");
        foreach (var (name, file) in weightMap)
            if (!tensors.TryGetValue(name, out var tensor) || Path.GetFileName(tensor.File) != file)
                throw new CheckpointException($"{Path.Combine(folder, IndexFile)} places tensor '{name}' in {file}, which does not hold it; download the folder again.");
        return new Checkpoint(folder, config, tensors, files);
    }

    /// <summary>The entry of a tensor whose shape the config determines.</summary>
    /// <exception cref="CheckpointException">The tensor is missing or of another shape.</exception>
    public TensorEntry Find(string name, params ReadOnlySpan<long> shape)
    {
        if (!_tensors.TryGetValue(name, out var entry))
            throw new CheckpointException($"The checkpoint in {Folder} has no tensor '{name}' (shape {TensorEntry.Format(shape)} by its config.json).");
        if (!shape.SequenceEqual(entry.Shape))
            throw new CheckpointException($"{entry.File} holds tensor '{name}' with shape {TensorEntry.Format(entry.Shape)}, but config.json asks for {TensorEntry.Format(shape)}; config and weights are of different models.");
        return entry;
    }

    /// <summary>Reads a tensor, widened to float32, and refuses a NaN or an infinity in it.</summary>
    /// <param name="destination">Row-major, exactly as long as the tensor or the rest of it from <paramref name="firstElement"/>.</param>
    public void Read(TensorEntry entry, Span<float> destination, long firstElement = 0)
    {
        int size = TensorEntry.BytesPerElement(entry.Type);
        byte[] buffer = new byte[Math.Min((long)destination.Length * size, 4 << 20)];
        for (int done = 0; done < destination.Length;)
        {
            int count = Math.Min(buffer.Length / size, destination.Length - done);
            ReadBytes(entry, (firstElement + done) * size, buffer.AsSpan(0, count * size));
            FloatConversion.Widen(entry.Type, buffer.AsSpan(0, count * size), destination.Slice(done, count));
            done += count;
        }
        if (FloatConversion.HasNonFinite(destination))
            throw new CheckpointException($"{entry.File} holds a NaN or an infinity in tensor '{entry.Name}'; the checkpoint is damaged, download it again.");
    }

    /// <summary>Reads raw bytes of a tensor, starting <paramref name="from"/> bytes into it.</summary>
    public void ReadBytes(TensorEntry entry, long from, Span<byte> destination)
    {
        var handle = Handle(entry.File);
        for (int done = 0; done < destination.Length;)
        {
            int read = RandomAccess.Read(handle, destination[done..], entry.Offset + from + done);
            if (read == 0) throw new CheckpointException($"{entry.File} ended inside tensor '{entry.Name}': it changed while it was read.");
            done += read;
        }
    }

    public void Dispose()
    {
        foreach (var handle in _handles.Values) handle.Dispose();
        _handles.Clear();
    }

    private SafeFileHandle Handle(string file)
    {
        lock (_handles)
        {
            if (!_handles.TryGetValue(file, out var handle)) _handles[file] = handle = File.OpenHandle(file);
            return handle;
        }
    }

    private static List<string> FindFiles(string folder, out Dictionary<string, string> weightMap)
    {
        weightMap = [];
        string single = Path.Combine(folder, SingleFile), index = Path.Combine(folder, IndexFile);
        if (File.Exists(single)) return [single];
        if (!File.Exists(index))
            throw new CheckpointException($"{folder} holds neither {SingleFile} nor {IndexFile}; download the safetensors weights of the model into it.");
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(index));
            foreach (var entry in json.RootElement.GetProperty("weight_map").EnumerateObject())
                weightMap[entry.Name] = entry.Value.GetString()!;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new CheckpointException($"{index} is not a safetensors index: it needs an object 'weight_map' of tensor names to file names ({e.Message}).", e);
        }
        var names = weightMap.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        foreach (string name in names)
        {
            if (name != Path.GetFileName(name)) throw new CheckpointException($"{index} names the file '{name}', which is not in the folder itself.");
            if (!File.Exists(Path.Combine(folder, name))) throw new CheckpointException($"{folder} lacks the shard {name} that {IndexFile} names; download it.");
        }
        return names.ConvertAll(name => Path.Combine(folder, name));
    }

    private string ComputeFingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[4 << 20];
        foreach (string file in Files.Prepend(Path.Combine(Folder, ModelConfig.FileName)))
        {
            using var stream = File.OpenRead(file);
            hash.AppendData(MemoryMarshal.AsBytes<long>([stream.Length]));
            for (int read; (read = stream.Read(buffer)) > 0;) hash.AppendData(buffer, 0, read);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
