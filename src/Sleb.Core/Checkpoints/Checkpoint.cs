using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Sleb.Core.Families;

namespace Sleb.Core.Checkpoints;

/// <summary>A Hugging Face model folder: config.json and its safetensors files, opened for reading tensor by tensor.</summary>
/// <remarks>Tensors are streamed with positioned reads, so no page of the file stays mapped into the process.</remarks>
internal sealed class Checkpoint : IDisposable
{
    private const int BufferBytes = 1 << 20;

    private readonly Dictionary<string, TensorEntry> _tensors;
    private readonly Dictionary<string, SafeFileHandle> _handles = [];
    private string? _fingerprint;
    private bool _disposed;

    private Checkpoint(string folder, ModelConfig config, Dictionary<string, TensorEntry> tensors, IReadOnlyList<string> files)
    {
        Folder = folder;
        Config = config;
        _tensors = tensors;
        Files = files;
    }

    public string Folder { get; }

    public ModelConfig Config { get; }

    public IReadOnlyDictionary<string, TensorEntry> Tensors => _tensors;

    /// <summary>The safetensors files, full paths in ordinal order.</summary>
    public IReadOnlyList<string> Files { get; }

    public long Bytes => _tensors.Values.Sum(t => t.Bytes);

    public long Parameters => _tensors.Values.Sum(t => t.Elements);

    /// <summary>SHA-256 (hex) over config.json and every weight file: what a plan or a trace belongs to.</summary>
    /// <remarks>Read from the files the first time it is asked for.</remarks>
    public string Fingerprint => ReadFingerprint(CancellationToken.None);

    /// <summary>Opens a folder and checks every header; no weight is read yet.</summary>
    /// <exception cref="CheckpointException">The folder or one of its files is missing, damaged or unsupported.</exception>
    public static Checkpoint Open(string folder)
    {
        folder = Path.GetFullPath(folder);
        if (!Directory.Exists(folder)) throw new CheckpointException($"The model folder {folder} does not exist; give a folder with config.json and model.safetensors.");
        var config = ModelConfig.Load(folder);
        var (files, weightMap) = WeightFiles.Find(folder);
        var tensors = new Dictionary<string, TensorEntry>(StringComparer.Ordinal);
        foreach (string file in files)
            foreach (var tensor in SafetensorsFile.ReadHeader(file, config.Family?.Buffers))
                if (!tensors.TryAdd(tensor.Name, tensor))
                    throw new CheckpointException($"{file} holds tensor '{tensor.Name}', which {tensors[tensor.Name].File} holds too.");
        foreach (var (name, file) in weightMap)
            if (config.Family?.Buffers.Any(end => name.EndsWith(end, StringComparison.Ordinal)) is not true
                && (!tensors.TryGetValue(name, out var tensor) || Path.GetFileName(tensor.File) != file))
                throw new CheckpointException($"{Path.Combine(folder, WeightFiles.IndexFile)} places tensor '{Excerpt.Of(name)}' in {file}, which does not hold it; download the folder again.");
        return new Checkpoint(folder, config, tensors, files);
    }

    /// <summary>
    /// The family that runs this model, after the check that the blocks are those config.json announces: for every use of a model
    /// but a look at its files.
    /// </summary>
    /// <exception cref="CheckpointException">The model_type is unsupported, or config.json and weights are of different models.</exception>
    public Family RequireFamily()
    {
        var family = WithFoundPrefix(FamilyRegistry.Get(Config.ModelType));
        var blocks = new SortedSet<int>(_tensors.Keys.Select(name => BlockName.Index(name, family.BlockPrefix)).OfType<int>());
        int expected = Config.NumHiddenLayers;
        if (blocks.Count == expected && blocks.Max == expected - 1) return family;
        string found = blocks.Count == 0 ? $"no tensor named {family.BlockPrefix}0.…" : $"blocks {BlockName.Ranges(blocks)}";
        throw new CheckpointException($"{Path.Combine(Folder, ModelConfig.FileName)} has {Config.Key("num_hidden_layers")} {expected}, but the checkpoint holds {found}. Give the folder of the original model, or a plan made for it.");
    }

    /// <summary>Whether the files hold a tensor of the family's name, with or without the prefix that some leave off.</summary>
    public bool Has(string name) => Stored(name) is not null;

    /// <summary>Whether the model has an output projection of its own: untied, or with a head in the file, which transformers then uses.</summary>
    public bool HasOwnHead(Family family) => !Config.Bool("tie_word_embeddings", family.TiedByDefault) || Has(family.Head);

    /// <summary>The entry of a tensor whose shape the config determines.</summary>
    /// <exception cref="CheckpointException">The tensor is missing or of another shape.</exception>
    public TensorEntry Find(string name, params ReadOnlySpan<long> shape)
    {
        if (Stored(name) is not { } entry)
            throw new CheckpointException($"The checkpoint in {Folder} has no tensor '{name}' (shape {TensorEntry.Format(shape)} by its config.json).");
        if (!shape.SequenceEqual(entry.Shape))
            throw new CheckpointException($"{entry.File} holds tensor '{name}' with shape {TensorEntry.Format(entry.Shape)}, but config.json asks for {TensorEntry.Format(shape)}; config and weights are of different models.");
        return entry;
    }

    /// <summary>Reads a tensor, widened to float32, and refuses a NaN or an infinity in it.</summary>
    /// <param name="destination">Row-major; the whole tensor or any part of it from <paramref name="firstElement"/>.</param>
    public void Read(TensorEntry entry, Span<float> destination, long firstElement = 0)
    {
        int size = TensorEntry.BytesPerElement(entry.Type);
        if (firstElement < 0 || destination.Length > entry.Elements - firstElement)
            throw new ArgumentOutOfRangeException(nameof(firstElement), $"Tensor '{entry.Name}' has {entry.Elements} elements; {destination.Length} from {firstElement} on were asked for.");
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            for (int done = 0; done < destination.Length;)
            {
                int count = Math.Min(BufferBytes / size, destination.Length - done);
                var bytes = buffer.AsSpan(0, count * size);
                ReadBytes(entry, (firstElement + done) * size, bytes);
                FloatConversion.Widen(entry.Type, bytes, destination.Slice(done, count));
                done += count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        if (FloatConversion.HasNonFinite(destination)) throw NonFinite(entry);
    }

    /// <summary>Reads raw bytes of a tensor, starting <paramref name="from"/> bytes into it.</summary>
    public void ReadBytes(TensorEntry entry, long from, Span<byte> destination)
    {
        if (from < 0 || destination.Length > entry.Bytes - from)
            throw new ArgumentOutOfRangeException(nameof(from), $"Tensor '{entry.Name}' has {entry.Bytes} bytes; {destination.Length} from {from} on were asked for.");
        var handle = Handle(entry.File);
        for (int done = 0; done < destination.Length;)
        {
            int read = RandomAccess.Read(handle, destination[done..], entry.Offset + from + done);
            if (read == 0) throw new CheckpointException($"{entry.File} ended inside tensor '{entry.Name}': it changed while it was read.");
            done += read;
        }
    }

    /// <summary>What is wrong with a tensor that has a NaN or an infinity in it.</summary>
    public static CheckpointException NonFinite(TensorEntry entry) =>
        new($"{entry.File} holds a NaN or an infinity in tensor '{entry.Name}'; the checkpoint is damaged, download it again.");

    /// <summary><see cref="Fingerprint"/>, for callers that a cancel must reach while a large model is read.</summary>
    public string ReadFingerprint(CancellationToken cancellationToken)
    {
        if (_fingerprint is { } known) return known;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[BufferBytes];
        foreach (string file in Files.Prepend(Path.Combine(Folder, ModelConfig.FileName)))
        {
            using var stream = File.OpenRead(file);
            hash.AppendData(MemoryMarshal.AsBytes<long>([stream.Length]));
            for (int read; (read = stream.Read(buffer)) > 0;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                hash.AppendData(buffer, 0, read);
            }
        }
        return _fingerprint = Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public void Dispose()
    {
        lock (_handles)
        {
            _disposed = true;
            foreach (var handle in _handles.Values) handle.Dispose();
            _handles.Clear();
        }
    }

    private TensorEntry? Stored(string name)
    {
        if (_tensors.TryGetValue(name, out var entry)) return entry;
        string prefix = Config.Family?.OptionalPrefix ?? "";
        return prefix.Length > 0 && name.StartsWith(prefix, StringComparison.Ordinal) ? _tensors.GetValueOrDefault(name[prefix.Length..]) : null;
    }

    /// <summary>The family as this checkpoint names its blocks.</summary>
    private Family WithFoundPrefix(Family family)
    {
        if (family.OptionalPrefix.Length == 0 || _tensors.Keys.Any(name => name.StartsWith(family.BlockPrefix, StringComparison.Ordinal))) return family;
        string bare = family.BlockPrefix[family.OptionalPrefix.Length..];
        return _tensors.Keys.Any(name => name.StartsWith(bare, StringComparison.Ordinal)) ? family with { BlockPrefix = bare } : family;
    }

    private SafeFileHandle Handle(string file)
    {
        lock (_handles)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_handles.TryGetValue(file, out var handle)) _handles[file] = handle = File.OpenHandle(file);
            return handle;
        }
    }
}
