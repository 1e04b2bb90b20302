using Mono.Cecil;
using Mono.Cecil.Cil;
using Sleb.Torch.Families;
using TorchSharp;

namespace Sleb.Tests.Torch;

/// <summary>
/// TorchSharp makes a <see cref="Scalar"/> of every number it is given and passes its handle on without keeping the object alive: a
/// collection at that moment frees the number under libtorch's hands. It then fails with "Unknown scalar type", or computes with another
/// number. So whatever calls TorchSharp here holds the scalar itself.
/// </summary>
public class ScalarLifetimeTests
{
    [Theory]
    [InlineData(typeof(CausalLM))]
    [InlineData(typeof(Microsoft.ML.SlebCatalog))]
    [InlineData(typeof(Sleb.Cli.SlebCommandLine))]
    [InlineData(typeof(Sleb.Benchmarks.Naive.NaiveLlama))]
    public void No_scalar_can_be_collected_while_libtorch_reads_it(Type ofAssembly)
    {
        using var torchSharp = AssemblyDefinition.ReadAssembly(typeof(Scalar).Assembly.Location);
        using var ours = AssemblyDefinition.ReadAssembly(ofAssembly.Assembly.Location);
        var careless = Careless(torchSharp);
        Assert.Contains(careless, method => method.Contains("Tensor::add(TorchSharp.torch/Tensor)", StringComparison.Ordinal)); // x + y is x + 1 * y

        var found = Methods(ours).SelectMany(method => Calls(method)
            .Where(call => careless.Contains(call.Method) || (IsConversion(call.Method) && !IsHeld(method, call.Instruction)))
            .Select(call => $"{method.FullName} calls {call.Method}")).Distinct().ToList();

        Assert.True(found.Count == 0, string.Join('\n', found));
    }

    /// <summary>TorchSharp's methods that make a scalar of their own, directly or by calling one that does.</summary>
    private static HashSet<string> Careless(AssemblyDefinition torchSharp)
    {
        var methods = Methods(torchSharp).Where(method => method.DeclaringType.Name is not ("Scalar" or "ScalarExtensionMethods")).ToList();
        var calledBy = methods.SelectMany(method => Calls(method).Select(call => (call.Method, Caller: method.FullName))).ToLookup(pair => pair.Method, pair => pair.Caller);
        var careless = new HashSet<string>();
        var open = new Queue<string>(methods.Where(method => Calls(method).Any(call => IsConversion(call.Method))).Select(method => method.FullName));
        while (open.TryDequeue(out string? next))
            if (careless.Add(next))
                foreach (string caller in calledBy[next]) open.Enqueue(caller);
        return careless;
    }

    private static IEnumerable<MethodDefinition> Methods(AssemblyDefinition assembly) =>
        assembly.MainModule.GetTypes().SelectMany(type => type.Methods).Where(method => method.HasBody);

    private static IEnumerable<(string Method, Instruction Instruction)> Calls(MethodDefinition method) =>
        method.Body.Instructions.Where(instruction => instruction.Operand is MethodReference)
            .Select(instruction => (((MethodReference)instruction.Operand).GetElementMethod().FullName, instruction));

    private static bool IsConversion(string method) => method.StartsWith("TorchSharp.Scalar TorchSharp.Scalar", StringComparison.Ordinal);

    /// <summary>Put into a field, or into a variable that is disposed of at the end: until then it lives.</summary>
    private static bool IsHeld(MethodDefinition method, Instruction conversion) =>
        conversion.Next.OpCode.Code is Code.Stfld or Code.Stsfld
        || (Variable(conversion.Next) is { } held && method.Body.Instructions.Any(instruction =>
            instruction.Operand is MethodReference { Name: nameof(IDisposable.Dispose) } && Variable(instruction.Previous) == held));

    private static int? Variable(Instruction instruction) => instruction.OpCode.Code switch
    {
        Code.Stloc_0 or Code.Ldloc_0 => 0,
        Code.Stloc_1 or Code.Ldloc_1 => 1,
        Code.Stloc_2 or Code.Ldloc_2 => 2,
        Code.Stloc_3 or Code.Ldloc_3 => 3,
        Code.Stloc_S or Code.Stloc or Code.Ldloc_S or Code.Ldloc => ((VariableDefinition)instruction.Operand).Index,
        _ => null,
    };
}
